import Apus
import ApusStorage
import Synchronization
import TestSupport

/// A database whose snapshots and log are archived, on a simulated disk, under a clock that a test
/// sets.
struct ArchivedDatabase {
    static let path = "/d/data"
    static let archivePath = "/d/archive"
    static let settings = CollectionConfiguration(dimension: 2, metric: .euclid)

    let disk: SimulatedFileSystem
    let clock: TestClock
    /// What `EngineConfiguration.onDamage` was told.
    let reports = Reports()

    init(seed: UInt64 = 0) {
        self.init(
            SimulatedFileSystem(directories: ["/d"], seed: seed), TestClock(1_700_000_000_000))
    }

    /// The next process on a disk.
    init(_ disk: SimulatedFileSystem, _ clock: TestClock) {
        self.disk = disk
        self.clock = clock
    }

    func open(isArchiving: Bool = true) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.writeThreads = 1
        configuration.indexThreads = 1
        configuration.mergesInBackground = false
        configuration.snapshotDirectory = Self.archivePath
        if isArchiving { configuration.archiveDirectory = Self.archivePath }
        configuration.onDamage = { [reports] _, damage in reports.add(damage) }
        return try Database.open(
            at: Self.path, configuration: configuration, fileSystem: disk,
            now: { [clock] in clock.now })
    }

    /// Writes a point a batch, each a second after the one before.
    func write(_ ids: some Sequence<Int>, to points: Collection) throws {
        for id in ids {
            clock.now += 1_000
            try points.upsert([Point(id: .number(UInt64(id)), vector: [1, Float(id)])])
        }
    }

    var store: LocalBlobStore { LocalBlobStore(fileSystem: disk, directory: Self.archivePath) }

    /// Paths of what is in the archive under keys that start with the text.
    func files(_ prefix: String) throws -> [String] {
        try store.list(prefix: prefix).map { "\(Self.archivePath)/\($0)" }
    }

    func restore(
        to target: RestoreTarget = .latest, into path: String = "/d/restored",
        _ configure: (inout DatabaseRestore) -> Void = { _ in }
    ) throws -> DatabaseRestore.Report {
        var restore = DatabaseRestore(source: Self.archivePath)
        restore.target = target
        configure(&restore)
        return try restore.run(into: path, fileSystem: disk)
    }

    /// The ids that a restored collection has.
    func ids(of collection: String, in path: String = "/d/restored") throws -> [Int] {
        var configuration = EngineConfiguration()
        configuration.searchThreads = 1
        configuration.indexThreads = 1
        let database = try Database.open(
            at: path, configuration: configuration, fileSystem: disk)
        defer { try? database.close() }
        return try Self.ids(database.collection(collection))
    }

    static func ids(_ points: Collection) throws -> [Int] {
        try points.scroll(
            ScrollRequest(limit: 100_000, withPayload: .none, withVectors: .none)
        ).points.compactMap { record in
            guard case .number(let id) = record.id else { return nil }
            return Int(id)
        }
    }
}

/// A clock that stands still until a test moves it: milliseconds since 1970.
final class TestClock: Sendable {
    private let time: Mutex<UInt64>

    init(_ time: UInt64) { self.time = Mutex(time) }

    var now: UInt64 {
        get { time.withLock { $0 } }
        set { time.withLock { $0 = newValue } }
    }

    var timestamp: Timestamp { Timestamp(microseconds: Int64(now) * 1000) }
}

/// Sentences from any thread.
final class Reports: Sendable {
    private let texts = Mutex<[String]>([])

    func add(_ text: String) { texts.withLock { $0.append(text) } }

    var all: [String] { texts.withLock { $0 } }
}
