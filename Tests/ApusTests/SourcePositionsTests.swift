import Apus
import ApusCore
import ApusStorage
import TestSupport
import Testing

/// How far a source was read is written with what was read: after a crash both are there, or neither.
@Suite("Source positions")
struct SourcePositionsTests {
    private static let batchCount = 12

    private func open(_ disk: SimulatedFileSystem) throws -> Database {
        try Database.open(at: "/db", configuration: .quiet, fileSystem: disk)
    }

    /// Batch n has the point n, and "n" as the position of "counter"; files are sealed and merged on
    /// the way. Ends where the machine does.
    private func work(_ points: Collection) throws {
        for number in 0..<Self.batchCount {
            let point = Point(id: .number(UInt64(number)), vector: [Float(number), 1, 1])
            _ = try points.write(
                [.upsert([point])],
                positions: SourcePositions(["counter": Array(String(number).utf8)]))
            if number % 4 == 3 { try points.seal() }
        }
        try points.compact()
    }

    private func check(_ disk: SimulatedFileSystem) throws -> Int {
        let database = try open(disk)
        let points = try database.collection("p")
        let position = points.sourcePositions().values["counter"]
        let count =
            position.flatMap { Int(String(decoding: $0, as: UTF8.self)) }.map { $0 + 1 } ?? 0
        let found = try points.scroll(ScrollRequest(limit: 100)).points.map(\.id)
        #expect(found == (0..<count).map { .number(UInt64($0)) })
        try database.close()
        return count
    }

    @Test("Points and position agree, whichever call was the last")
    func everyCall() throws {
        let prepared = SimulatedFileSystem(directories: ["/"])
        let first = try open(prepared)
        try first.createCollection(
            "p", CollectionConfiguration(dimension: 3, metric: .euclid))
        try first.close()
        let start = prepared.afterKill()
        let whole = start.afterKill()
        let database = try open(whole)
        try work(try database.collection("p"))
        let calls = whole.controls.callCount
        try database.close()
        #expect(try check(whole.afterKill()) == Self.batchCount)
        #expect(calls > 40)
        var counts: Set<Int> = []
        for call in 0..<calls {
            let disk = start.afterKill()
            disk.change { $0.crashingCall = call }
            if let database = try? open(disk) {
                if let points = try? database.collection("p") { try? work(points) }
                try? database.close()
            }
            counts.insert(try check(disk.afterKill()))
            counts.insert(try check(disk.afterPowerLoss(.losesEverythingUnsynced)))
            counts.insert(try check(disk.afterPowerLoss(.losesSome(seed: UInt64(call)))))
        }
        #expect(counts == Set(0...Self.batchCount))
    }

    @Test("A batch may have a position only, and a position may be taken back")
    func positionOnly() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let points = try database.createCollection(
            "p", CollectionConfiguration(dimension: 3, metric: .euclid))
        _ = try points.write([], positions: SourcePositions(["a": [1], "b": [2]]))
        #expect(points.info().sequenceNumber.rawValue == 1)
        _ = try points.write([], positions: SourcePositions(["a": []]))
        try database.close()
        let again = try open(disk.afterKill())
        #expect(try again.collection("p").sourcePositions() == SourcePositions(["b": [2]]))
        try again.close()
    }

    @Test("Positions have a bound together, which nothing passes by growing, and room comes back")
    func bytesTogether() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let points = try database.createCollection(
            "p", CollectionConfiguration(dimension: 3, metric: .euclid))
        func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x61, count: count) }
        func write(_ positions: [String: [UInt8]], id: UInt64 = 1) throws {
            _ = try points.write(
                [.upsert([Point(id: .number(id), vector: [1, 1, 1])])],
                positions: SourcePositions(positions))
        }
        func refusal(_ positions: [String: [UInt8]]) throws {
            let before = points.sourcePositions()
            let error = #expect(throws: DatabaseError.self) { try write(positions, id: 2) }
            #expect(error?.kind == .failedPrecondition)
            #expect(error?.message.contains("4000000 bytes together") == true)
            #expect(points.sourcePositions() == before)
            #expect(try points.retrieve([2]).isEmpty)
        }
        try write(["a": bytes(3), "b": bytes(SourcePositions.byteCountMax - 6)])
        #expect(points.sourcePositions().byteCount == SourcePositions.byteCountMax - 1)
        // Names count, too.
        try refusal(["c": bytes(1)])
        try write(["a": bytes(4)])
        try refusal(["a": bytes(5)])
        // What is as long as before has room, and what one loses another one may have.
        try write(["a": [1, 2, 3, 4]])
        try refusal(["a": bytes(1), "c": bytes(3)])
        try write(["a": bytes(1), "c": bytes(2)])
        try write(["b": []])
        try write(["c": bytes(100)])
        #expect(points.sourcePositions().byteCount == 103)
        try database.close()
        let again = try open(disk.afterKill())
        #expect(try again.collection("p").sourcePositions().byteCount == 103)
        try again.close()
    }

    @Test("A collection that has more from before goes on with what it has")
    func moreThanTheBound() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        _ = try database.createCollection(
            "p", CollectionConfiguration(dimension: 3, metric: .euclid))
        try database.close()
        let store = ManifestStore(fileSystem: disk, directory: "/db/p")
        var manifest = try #require(try store.read())
        var writer = ByteWriter()
        SourcePositions([
            "old": [UInt8](repeating: 7, count: SourcePositions.byteCountMax), "a": [1],
        ]).write(to: &writer)
        manifest.attributes["sourcePositions"] = writer.bytes
        _ = try store.commit(manifest)
        let again = try open(disk)
        let points = try again.collection("p")
        _ = try points.write([], positions: SourcePositions(["a": [2]]))
        #expect(points.sourcePositions().values["a"] == [2])
        #expect(throws: DatabaseError.self) {
            try points.write([], positions: SourcePositions(["a": [2, 3]]))
        }
        _ = try points.write([], positions: SourcePositions(["old": [], "b": [1]]))
        #expect(points.sourcePositions() == SourcePositions(["a": [2], "b": [1]]))
        try again.close()
    }

    @Test("A batch with positions keeps its bytes, one without is written as before")
    func bytes() throws {
        let plain = WriteBatch(effects: [.delete(.number(300))], time: 300)
        #expect(plain.encoded() == [2, 0xac, 0x02, 0, 1, 2, 0, 0xac, 0x02])
        let batch = WriteBatch(
            effects: plain.effects, time: 300,
            positions: SourcePositions(["k": [7, 8], "a": []]))
        let positions: [UInt8] = [2, 1, 0x61, 0, 1, 0x6b, 2, 7, 8]
        #expect(batch.encoded() == [3, 0xac, 0x02] + positions + [0, 1, 2, 0, 0xac, 0x02])
        let read = try decoding(batch.encoded()) { (reader) throws(MalformedBytes) in
            try WriteBatch(decoding: &reader)
        }
        #expect(read.positions == batch.positions && read.effects.count == 1 && read.time == 300)
    }

    @Test("A restored collection has the positions of its snapshot")
    func snapshot() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try open(disk)
        let points = try database.createCollection(
            "p", CollectionConfiguration(dimension: 3, metric: .euclid))
        try work(points)
        let snapshot = try points.createSnapshot()
        let before = points.sourcePositions()
        _ = try points.write([], positions: SourcePositions(["counter": [0]]))
        try database.restoreCollection(
            "copy", from: .snapshot(name: snapshot.name, collection: "p"), replacing: false)
        #expect(try database.collection("copy").sourcePositions() == before)
        try database.close()
    }
}
