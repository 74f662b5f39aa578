import Apus
import ApusStorage
import Foundation
import Synchronization
import TestSupport
import Testing

/// Merging segments while the collection is in use. Over a simulated disk, which is quick, and
/// shows what a kill or a power loss would leave.
@Suite("Compaction")
struct CompactionTests {
    private static let path = "/db"

    private func open(
        _ disk: SimulatedFileSystem, _ configuration: EngineConfiguration = .quiet,
        now: @escaping @Sendable () -> UInt64 = { 1_000_000 }
    ) throws -> Database {
        try Database.open(
            at: Self.path, configuration: configuration, fileSystem: disk, now: now)
    }

    /// Two segment files of 80 points each, of which some were updated and some deleted.
    private func filled(_ points: Collection) throws -> ExpectedPoints {
        var expected = ExpectedPoints()
        for half in [UInt64(0)..<80, 80..<160] {
            try put(half.map { ExpectedPoints.point($0, version: 1) }, points, &expected)
            try points.seal()
        }
        try put((0..<40).map { ExpectedPoints.point($0 * 3, version: 2) }, points, &expected)
        let gone = (0..<30).map { UInt64($0 * 5 + 1) }
        try points.delete(.ids(gone.map { .number($0) }))
        for id in gone { expected.delete(id) }
        return expected
    }

    private func put(
        _ new: [Point], _ points: Collection, _ expected: inout ExpectedPoints
    ) throws {
        try points.upsert(new)
        for point in new { expected.put(point) }
    }

    private func segmentFiles(_ disk: SimulatedFileSystem) -> [String] {
        disk.files.keys.filter { $0.hasSuffix(".seg") || $0.contains(".del-") }.sorted()
    }

    @Test("Merged, everything is in one file without deleted rows, and the old files are gone")
    func merges() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let points = try database.createCollection("p", .small)
        let expected = try filled(points)
        try points.compact()
        try expected.check(points)
        let files = segmentFiles(disk)
        #expect(files.count == 1)
        // The file and the empty growing segment.
        #expect(points.info().segmentsCount == 2)
        #expect(points.info().pointsCount == expected.points.count)
        #expect(points.info().indexedVectorsCount == expected.points.count)
        // There is nothing left to do.
        try points.compact()
        #expect(segmentFiles(disk) == files)
        let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
        try expected.check(try again.collection("p"))
        try again.close()
        try database.close()
    }

    @Test("What is written and deleted while a merge runs survives, at whatever moment it comes")
    func writesMeanwhile() throws {
        var pauseCount = 0
        for pause in 0..<200 {
            let hook = PauseHook()
            var configuration = EngineConfiguration.quiet
            configuration.mergePauseHook = { try hook() }
            let disk = SimulatedFileSystem(directories: ["/"])
            let database = try open(disk, configuration)
            let points = try database.createCollection("p", .small)
            var expected = try filled(points)
            let updated = (0..<20).map { ExpectedPoints.point($0 * 7, version: 9) }
            let failure = Mutex<(any Error)?>(nil)
            hook.set(at: pause) {
                do {
                    try points.upsert(updated)
                    try points.delete(.ids([12, 33, 101, 7]))
                } catch { failure.withLock { $0 = error } }
            }
            try points.compact()
            pauseCount = hook.count
            #expect(failure.withLock { $0 } == nil)
            guard pause < pauseCount else {
                try database.close()
                break
            }
            for point in updated { expected.put(point) }
            for id in [UInt64(12), 33, 101, 7] { expected.delete(id) }
            try expected.check(points)
            for survivor in [disk.afterKill(), disk.afterPowerLoss(.losesEverythingUnsynced)] {
                let again = try open(survivor)
                try expected.check(try again.collection("p"), searching: false)
                try again.close()
            }
            // What came meanwhile is merged next time, and sealed as well.
            try points.compact()
            try expected.check(points)
            try database.close()
            let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
            try expected.check(try again.collection("p"), searching: false)
            try again.close()
        }
        #expect(pauseCount >= 6)
    }

    @Test("A segment that is sealed while a merge runs keeps the deletions that came meanwhile")
    func sealMeanwhile() throws {
        let hook = PauseHook()
        var configuration = EngineConfiguration.quiet
        configuration.mergePauseHook = { try hook() }
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk, configuration)
        let points = try database.createCollection("p", .small)
        var expected = try filled(points)
        let updated = (0..<30).map { ExpectedPoints.point($0 * 4, version: 5) }
        hook.set(at: 3) {
            try? points.upsert(updated)
            try? points.seal()
            try? points.delete(.ids([5, 9]))
        }
        try points.compact()
        for point in updated { expected.put(point) }
        expected.delete(5)
        expected.delete(9)
        try expected.check(points)
        let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
        try expected.check(try again.collection("p"))
        try again.close()
        try database.close()
    }

    @Test("A reader that keeps a version sees it through merges")
    func keptVersions() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let points = try database.createCollection("p", .small)
        let before = try filled(points)
        let version = points.pinVersion()
        try points.delete(.filter(Filter()))
        try points.compact()
        #expect(try points.count() == 0)
        #expect(try points.count(nil, at: version) == before.points.count)
        let found = try points.retrieve([3, 2], at: version)
        #expect(found.map(\.payload) == [3, 2].map { before.points[$0]?.payload })
        try database.close()
    }

    @Test("When everything was deleted, no segment file is left")
    func nothingLeft() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let points = try database.createCollection("p", .small)
        _ = try filled(points)
        try points.delete(.filter(Filter()))
        try points.compact()
        #expect(segmentFiles(disk) == [])
        #expect(try points.count() == 0)
        try points.upsert([ExpectedPoints.point(4, version: 1)])
        #expect(try points.count() == 1)
        let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
        #expect(try again.collection("p").count() == 1)
        try again.close()
        try database.close()
    }

    @Test("Several fields, missing vectors, sparse and multi vectors, no graph, and fields on disk")
    func allKindsOfFields() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        var configuration = CollectionConfiguration.small
        configuration.vectors["flat"] = DenseVectorConfiguration(
            dimension: 3, metric: .dot, hnsw: HNSWConfigurationChange(m: 0))
        configuration.vectors["mapped"] = DenseVectorConfiguration(
            dimension: 2, metric: .cosine, onDisk: true)
        configuration.vectors["parts"] = DenseVectorConfiguration(
            dimension: 2, metric: .dot, isMultiVector: true)
        configuration.sparseVectors["words"] = SparseVectorConfiguration()
        let points = try database.createCollection("p", configuration)
        func point(_ id: Int, _ version: Int) -> Point {
            var vectors: [String: Vector] = [:]
            if id % 4 != 0 { vectors[""] = .dense([Float(id), Float(version), 0, 1]) }
            if id % 3 != 0 { vectors["flat"] = .dense([Float(id), 2, Float(version)]) }
            if id % 5 != 0 { vectors["mapped"] = .dense([1, Float(1 + id)]) }
            if id % 2 != 0 { vectors["parts"] = .multi([[1, Float(id)], [Float(version), 1]]) }
            if id % 7 != 0 {
                vectors["words"] = .sparse(
                    SparseVector(
                        indices: [UInt32(id % 11), 20], values: [Float(1 + id), Float(id)]))
            }
            return Point(
                id: .number(UInt64(id)), vectors: vectors,
                payload: ["v": .integer(Int64(version))])
        }
        try points.upsert((0..<60).map { point($0, 1) })
        try points.seal()
        try points.upsert((40..<120).map { point($0, 2) })
        try points.seal()
        try points.delete(.ids((0..<20).map { .number(UInt64($0 * 6)) }))
        let requests = [
            QueryRequest(nearest: [50, 2, 0, 1], limit: 20),
            QueryRequest(query: .nearest(.vector(.dense([1, 2, 3]))), using: "flat", limit: 20),
            QueryRequest(query: .nearest(.vector(.dense([0, 1]))), using: "mapped", limit: 20),
            QueryRequest(query: .nearest(.vector(.multi([[1, 3]]))), using: "parts", limit: 20),
            QueryRequest(
                query: .nearest(.vector(.sparse(SparseVector(indices: [3, 20], values: [1, 1])))),
                using: "words", limit: 20),
        ]
        let everything = ScrollRequest(limit: 1000, withVectors: .all)
        let records = try points.scroll(everything).points
        let answers = try points.query(requests)
        try points.compact()
        #expect(try points.scroll(everything).points == records)
        for (before, after) in zip(answers, try points.query(requests)) {
            #expect(before.map(\.id) == after.map(\.id))
        }
        let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
        #expect(try again.collection("p").scroll(everything).points == records)
        try again.close()
        try database.close()
    }

    @Test("A damaged segment is not copied under a new checksum")
    func damage() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        var database = try open(disk)
        var configuration = CollectionConfiguration.small
        configuration.vectors[""]?.onDisk = true
        _ = try filled(try database.createCollection("p", configuration))
        try database.close()
        let file = try #require(segmentFiles(disk).first { $0.hasSuffix(".seg") })
        var bytes = try disk.bytes(of: file)
        // A float of the first vector: sections begin at multiples of 4,096.
        let section = try #require(
            stride(from: 4096, to: bytes.count - 8, by: 4096).first { start in
                Array(bytes[(start + 4)..<(start + 8)]) == [0, 0, 0x80, 0x3f]
            })
        bytes[section + 5] ^= 0x10
        try disk.put(bytes, at: file)
        database = try open(disk)
        let points = try database.collection("p")
        // It is found by the merge, or before that by the job that verifies files.
        do { try points.compact() } catch let error as DatabaseError {
            #expect(error.kind == .corruption)
        }
        #expect(try disk.bytes(of: file) == bytes)
        #expect(!points.degradations().isEmpty)
        try database.close()
    }

    @Test("A collection that is closed while a merge runs comes back whole")
    func closeMeanwhile() throws {
        for pause in [1, 4, 7] {
            let hook = PauseHook()
            var configuration = EngineConfiguration.quiet
            configuration.mergePauseHook = { try hook() }
            let disk = SimulatedFileSystem(directories: ["/"])
            let database = try open(disk, configuration)
            let points = try database.createCollection("p", .small)
            let expected = try filled(points)
            let isClosed = DispatchSemaphore(value: 0)
            hook.set(at: pause) {
                Thread.detachNewThread {
                    try? database.close()
                    isClosed.signal()
                }
            }
            do { try points.compact() } catch let error as DatabaseError {
                #expect(error.kind == .unavailable)
            }
            isClosed.wait()
            let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
            try expected.check(try again.collection("p"), searching: false)
            try again.close()
        }
    }

    @Test("A dropped collection cannot touch the one that has its name now")
    func dropAndCreate() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let old = try database.createCollection("p", .small)
        _ = try filled(old)
        #expect(try database.dropCollection("p"))
        let new = try database.createCollection("p", .small)
        var expected = ExpectedPoints()
        try put([ExpectedPoints.point(1, version: 3)], new, &expected)
        try new.seal()
        func files() -> [String: Int] { disk.files.filter { !$0.key.contains("/wal/") } }
        let before = files()
        #expect(throws: DatabaseError.self) { try old.seal() }
        #expect(throws: DatabaseError.self) { try old.compact() }
        #expect(throws: DatabaseError.self) { try old.update(CollectionConfigurationChange()) }
        #expect(throws: DatabaseError.self) {
            try old.upsert([ExpectedPoints.point(8, version: 1)])
        }
        try? old.waitUntilIndexed()
        #expect(files() == before)
        let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
        try expected.check(try again.collection("p"))
        try again.close()
        try database.close()
    }

    @Test("A drop that fails half-way leaves nothing that writes under the old name")
    func failedDrop() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let old = try database.createCollection("p", .small)
        _ = try filled(old)
        disk.change {
            $0.faults = [SimulatedFileSystem.Fault(.synchronizeDirectory, on: Self.path, count: 1)]
        }
        #expect(throws: DatabaseError.self) { try database.dropCollection("p") }
        disk.change { $0.faults = [] }
        let new = try database.createCollection("p", .small)
        try new.upsert([ExpectedPoints.point(1, version: 1)])
        let files = disk.files.filter { $0.key.hasPrefix("\(Self.path)/p/") }
        try? old.seal()
        try? old.waitUntilIndexed()
        #expect(disk.files.filter { $0.key.hasPrefix("\(Self.path)/p/") } == files)
        #expect(try new.count() == 1)
        try database.close()
    }

    // MARK: In the background

    @Test("Small segments are merged in the background, and half-deleted ones written anew")
    func background() throws {
        var configuration = EngineConfiguration.quiet
        configuration.mergesInBackground = true
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk, configuration)
        var settings = CollectionConfiguration.small
        settings.optimizers.vacuumMinVectorNumber = 100
        let points = try database.createCollection("p", settings)
        var expected = ExpectedPoints()
        for part in 0..<8 {
            let ids = UInt64(part * 50)..<UInt64(part * 50 + 50)
            try put(ids.map { ExpectedPoints.point($0, version: 1) }, points, &expected)
            try points.seal()
        }
        points.waitUntilCompacted()
        // How many depends on when the merges ran; no two of them have the same size.
        #expect(segmentFiles(disk).count <= 3)
        try expected.check(points)
        // Deletions alone, which only the log has at first.
        let gone = (0..<100).map { UInt64($0 * 4) }
        try points.delete(.ids(gone.map { .number($0) }))
        for id in gone { expected.delete(id) }
        points.waitUntilCompacted()
        #expect(segmentFiles(disk).filter { $0.contains(".del-") } == [])
        try expected.check(points)
        #expect(points.info().indexedVectorsCount == expected.points.count)
        try database.close()
    }

    @Test("A full disk stops a merge, and neither reads nor writes; it is tried again later")
    func fullDisk() throws {
        let time = Mutex(UInt64(1_000_000))
        var configuration = EngineConfiguration.quiet
        configuration.mergesInBackground = true
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk, configuration) { time.withLock { $0 } }
        var settings = CollectionConfiguration.small
        settings.optimizers.vacuumMinVectorNumber = 100
        let points = try database.createCollection("p", settings)
        var expected = ExpectedPoints()
        let all = (0..<200).map { ExpectedPoints.point($0, version: 1) }
        try put(all, points, &expected)
        try points.seal()
        points.waitUntilCompacted()
        let files = segmentFiles(disk)
        disk.change {
            $0.faults = [SimulatedFileSystem.Fault(.write, on: ".seg", kind: .outOfSpace)]
        }
        let gone = (0..<100).map { UInt64($0) }
        try points.delete(.ids(gone.map { .number($0) }))
        for id in gone { expected.delete(id) }
        points.waitUntilCompacted()
        #expect(points.info().maintenanceFailure != nil)
        #expect(points.info().status != .red)
        #expect(segmentFiles(disk).filter { $0.hasSuffix(".seg") } == files)
        try put([ExpectedPoints.point(500, version: 1)], points, &expected)
        try expected.check(points)
        // Not at once, however often it is looked at.
        let attempts = disk.count(of: .create)
        points.waitUntilCompacted()
        #expect(disk.count(of: .create) == attempts)
        disk.change { $0.faults = [] }
        time.withLock { $0 += 700_000 }
        points.lookAtTime()
        points.waitUntilCompacted()
        #expect(points.info().maintenanceFailure == nil)
        try expected.check(points)
        let again = try open(disk.afterPowerLoss(.losesEverythingUnsynced))
        try expected.check(try again.collection("p"))
        try again.close()
        try database.close()
    }

    @Test("Deleted data is gone from every file after the age that is promised, also after a start")
    func deletedDataGoes() throws {
        let time = Mutex(UInt64(1_000_000))
        var configuration = EngineConfiguration.quiet
        configuration.mergesInBackground = true
        configuration.deletedDataMaxAge = .seconds(1000)
        let disk = SimulatedFileSystem(directories: ["/"])
        let secret = Array("Xq7/vK2#mZ9!rT4&wL8?".utf8)
        func filesWithSecret(_ disk: SimulatedFileSystem) -> [String] {
            disk.files.keys.filter { path in
                // A file may go between the two looks.
                guard let bytes = try? disk.bytes(of: path) else { return false }
                return bytes.indices.contains { bytes[$0...].starts(with: secret) }
            }
        }
        var database = try open(disk, configuration) { time.withLock { $0 } }
        var points = try database.createCollection("p", .small)
        var expected = ExpectedPoints()
        let all = (0..<200).map { ExpectedPoints.point($0, version: 1) }
        try put(all, points, &expected)
        // One in a file, one in memory and in the log only.
        let text = JSONValue.string(String(decoding: secret, as: UTF8.self))
        try points.upsert([Point(id: 300, vector: [1, 2, 3, 4], payload: ["s": text])])
        try points.seal()
        try points.upsert([Point(id: 301, vector: [1, 2, 3, 4], payload: ["s": text])])
        try points.delete(.ids([300, 301]))
        points.lookAtTime()
        points.waitUntilCompacted()
        #expect(!filesWithSecret(disk).isEmpty)
        // Half of the time under one process, half under another.
        time.withLock { $0 += 600_000 }
        try database.close()
        database = try open(disk, configuration) { time.withLock { $0 } }
        points = try database.collection("p")
        points.lookAtTime()
        points.waitUntilCompacted()
        #expect(!filesWithSecret(disk).isEmpty)
        time.withLock { $0 += 600_000 }
        points.lookAtTime()
        points.waitUntilCompacted()
        // The log begins a new file on its own thread, before this batch at the latest.
        try put([ExpectedPoints.point(1, version: 2)], points, &expected)
        points.lookAtTime()
        points.waitUntilCompacted()
        #expect(filesWithSecret(disk) == [])
        try expected.check(points)
        try database.close()
    }
}

extension CompactionTests {
    @Test("Times of batches say what is surely old, also when the clock jumps")
    func times() {
        var times = BatchTimes()
        let note1 = times.note(SequenceNumber(5), at: 1000, interval: 100)
        #expect(note1)
        let note2 = times.note(SequenceNumber(6), at: 1050, interval: 100)
        #expect(!note2)
        let note3 = times.note(SequenceNumber(7), at: 1100, interval: 100)
        #expect(note3)
        #expect(times.lastBatch(writtenBy: 999) == .zero)
        #expect(times.lastBatch(writtenBy: 1099) == SequenceNumber(5))
        #expect(times.lastBatch(writtenBy: 5000) == SequenceNumber(7))
        // Back by far: nothing is old before its time has passed on the new clock.
        let note4 = times.note(SequenceNumber(9), at: 200, interval: 0)
        #expect(note4)
        #expect(times.lastBatch(writtenBy: 199) == .zero)
        #expect(times.lastBatch(writtenBy: 200) == SequenceNumber(9))
        for lsn in UInt64(10)..<500 {
            _ = times.note(SequenceNumber(lsn), at: lsn * 10, interval: 0)
        }
        #expect(times.lastBatch(writtenBy: 4_985) == SequenceNumber(498))
    }

    @Test("Writing is held to its rate, with a second's worth saved up")
    func rate() {
        let time = Mutex(Duration.zero)
        let waited = Mutex(Duration.zero)
        let rate = WriteRate(
            bytesPerSecond: 1000, now: { time.withLock { $0 } },
            wait: { duration in
                time.withLock { $0 += duration }
                waited.withLock { $0 += duration }
            })
        rate.take(1000)
        #expect(waited.withLock { $0 } == .zero)
        rate.take(2500)
        #expect(waited.withLock { $0 } == .seconds(2.5))
        // A long rest is worth no more than a second.
        time.withLock { $0 += .seconds(100) }
        rate.take(3000)
        #expect(waited.withLock { $0 } == .seconds(4.5))
        rate.take(5000, isCancelled: { true })
        #expect(waited.withLock { $0 } == .seconds(4.5))
    }
}
