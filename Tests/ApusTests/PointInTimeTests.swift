import Apus
import ApusCore
import ApusStorage
import Synchronization
import TestSupport
import Testing

@Suite("Restoring to a point in time")
struct PointInTimeTests {
    private static let configuration = CollectionConfiguration(dimension: 2, metric: .euclid)

    private static func engine(_ path: String) -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.indexThreads = 1
        configuration.archiveDirectory = path + "/archive"
        configuration.snapshotDirectory = path + "/archive"
        return configuration
    }

    /// What a database went through: the model's points after each batch, and the batch's time.
    private struct History {
        var states: [[UInt64: Int64]] = [[:]]
        var times: [UInt64] = [0]
    }

    /// Drives a collection with random writes, seals, snapshots and restarts, while the clock goes
    /// on and now and then jumps back.
    private static func run(at path: String, batches: Int, seed: UInt64) throws -> History {
        var generator = SeededGenerator(seed: seed)
        let box = ClockBox(1_700_000_000_000)
        func open() throws -> Database {
            try Database.open(
                at: path + "/data", configuration: engine(path), fileSystem: PosixFileSystem(),
                now: { box.now })
        }
        var database = try open()
        var points = try database.createCollection("c", configuration)
        var history = History()
        for number in 1...batches {
            var state = history.states[number - 1]
            box.now =
                Int.random(in: 0..<8, using: &generator) == 0
                ? box.now - 5_000 : box.now + UInt64.random(in: 1...2_000, using: &generator)
            var operations: [WriteOperation] = []
            if let id = state.keys.sorted().randomElement(using: &generator),
                Bool.random(using: &generator)
            {
                operations.append(.delete(.ids([.number(id)])))
                state[id] = nil
            }
            let id = UInt64.random(in: 0..<40, using: &generator)
            operations.append(
                .upsert([
                    Point(
                        id: .number(id), vector: [Float(number), Float(id)],
                        payload: ["n": .integer(Int64(number))])
                ]))
            state[id] = Int64(number)
            _ = try points.write(operations)
            history.states.append(state)
            history.times.append(max(box.now, history.times[number - 1]))
            switch Int.random(in: 0..<12, using: &generator) {
            case 0: try points.seal()
            case 1: try points.createSnapshot()
            case 2:
                try database.close()
                database = try open()
                points = try database.collection("c")
            default: break
            }
        }
        try database.close()
        return history
    }

    private static func contents(_ path: String) throws -> [UInt64: Int64] {
        let database = try Database.open(at: path)
        defer { try? database.close() }
        var found: [UInt64: Int64] = [:]
        let page = try database.collection("c").scroll(
            ScrollRequest(limit: 1000, withPayload: .all, withVectors: .none))
        for record in page.points {
            guard case .number(let id) = record.id, case .integer(let n)? = record.payload?["n"]
            else { continue }
            found[id] = n
        }
        return found
    }

    @Test(
        "A restore to any batch or time is what the model was then", arguments: [1, 2] as [UInt64])
    func anyPoint(seed: UInt64) throws {
        let directory = try TemporaryDirectory()
        let history = try Self.run(at: directory.path, batches: 60, seed: seed)
        var restore = DatabaseRestore(source: directory.path + "/archive")
        for number in stride(from: 0, through: 60, by: 7) {
            let target = directory.path + "/lsn-\(number)"
            restore.target = .sequenceNumber(SequenceNumber(UInt64(number)))
            let outcome = try restore.run(into: target)
            #expect(outcome.collections.map(\.sequenceNumber) == [SequenceNumber(UInt64(number))])
            #expect(try Self.contents(target) == history.states[number], "batch \(number)")
        }
        for number in stride(from: 1, through: 60, by: 9) {
            let target = directory.path + "/time-\(number)"
            let time = history.times[number]
            restore.target = .time(Timestamp(microseconds: Int64(time) * 1000 + 999))
            let outcome = try restore.run(into: target)
            let last = try #require(history.times.lastIndex { $0 <= time })
            #expect(outcome.collections.map(\.sequenceNumber) == [SequenceNumber(UInt64(last))])
            #expect(try Self.contents(target) == history.states[last], "batch \(number)'s time")
        }
        restore.target = .latest
        _ = try restore.run(into: directory.path + "/latest")
        #expect(try Self.contents(directory.path + "/latest") == history.states[60])
        restore.target = .sequenceNumber(SequenceNumber(61))
        let error = #expect(throws: DatabaseError.self) {
            try restore.run(into: directory.path + "/later")
        }
        #expect(error?.message.contains("ends at 60") == true)
        #expect(try PosixFileSystem().kind(of: directory.path + "/later") == nil)
        #expect(try PosixFileSystem().kind(of: directory.path + "/.later.restoring") == nil)
    }

    @Test("A missing file of the archive is told, not skipped")
    func gap() throws {
        let directory = try TemporaryDirectory()
        let database = try Database.open(
            at: directory.path + "/data", configuration: Self.engine(directory.path))
        let points = try database.createCollection("c", Self.configuration)
        for number in 0..<30 {
            try points.upsert([Point(id: .number(UInt64(number)), vector: [1, Float(number)])])
            if number % 10 == 9 { try points.seal() }
        }
        try database.close()
        let store = LocalBlobStore(directory: directory.path + "/archive")
        let files = try store.list(prefix: "log/")
        #expect(files.count >= 3)
        try store.delete(files[1])
        var restore = DatabaseRestore(source: directory.path + "/archive")
        restore.target = .latest
        let error = #expect(throws: DatabaseError.self) {
            try restore.run(into: directory.path + "/restored")
        }
        #expect(error?.kind == .corruption)
        #expect(error?.message.contains("batches 11 to 20 of collection `c` are missing") == true)
        #expect(error?.message.contains("repair") == false)
    }

    @Test("What cannot be archived is kept, and writes go on")
    func archiveFails() throws {
        let disk = SimulatedFileSystem(directories: ["/d"])
        var configuration = Self.engine("/d")
        configuration.segmentRowsMax = 1024
        let database = try Database.open(
            at: "/d/data", configuration: configuration, fileSystem: disk)
        let points = try database.createCollection("c", Self.configuration)
        let other = database.collectionNames()
        #expect(other == ["c"])
        disk.change { $0.faults = [.init(nil, on: "/d/archive/", kind: .io)] }
        for number in 0..<20 {
            try points.upsert([Point(id: .number(UInt64(number)), vector: [1, Float(number)])])
        }
        try points.seal()
        #expect(points.archiveState?.failure != nil)
        #expect(points.archiveState?.archivedThrough == .zero)
        let logs = disk.files.keys.filter { $0.hasSuffix(".wal") && $0.contains("/data/c/") }
        #expect(logs.contains { $0.hasSuffix("00000000000000000001.wal") })
        disk.change { $0.faults = [] }
        try points.upsert([Point(id: 100, vector: [1, 1])])
        try points.seal()
        #expect(points.archiveState?.failure == nil)
        #expect(points.archiveState?.archivedThrough == SequenceNumber(21))
        try database.close()
        var restore = DatabaseRestore(source: "/d/archive")
        restore.target = .sequenceNumber(SequenceNumber(13))
        let outcome = try restore.run(into: "/d/restored", fileSystem: disk)
        #expect(outcome.collections.map(\.sequenceNumber) == [SequenceNumber(13)])
    }
}

/// A clock that a test sets.
private final class ClockBox: Sendable {
    private let time: Mutex<UInt64>

    init(_ time: UInt64) { self.time = Mutex(time) }

    var now: UInt64 {
        get { time.withLock { $0 } }
        set { time.withLock { $0 = newValue } }
    }
}
