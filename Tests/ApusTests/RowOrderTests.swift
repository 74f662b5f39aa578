import Apus
import ApusCore
import ApusStorage
import Foundation
import Synchronization
import TestSupport
import Testing

/// Files have their rows in another order than they came in; all that belongs to a row moves with
/// it, whatever happens meanwhile.
@Suite("The order of rows in segment files") struct RowOrderTests {
    private static let count = 700

    private static var configuration: CollectionConfiguration {
        var configuration = CollectionConfiguration(
            vectors: [
                "large": DenseVectorConfiguration(dimension: 40, metric: .euclid),
                "small": DenseVectorConfiguration(dimension: 6, metric: .dot),
                "many": DenseVectorConfiguration(
                    dimension: 4, metric: .dot, isMultiVector: true),
            ],
            sparseVectors: ["words": SparseVectorConfiguration()],
            hnsw: HNSWConfiguration(m: 4, efConstruct: 24, fullScanThreshold: 0))
        configuration.vectors["small"]?.datatype = .uint8
        return configuration
    }

    /// Each version of each point has vectors of its own, and some lack one.
    private static func point(_ id: UInt64, version: Int = 0) -> Point {
        var random = SeededGenerator(seed: id &* 1000 &+ UInt64(version))
        func floats(_ count: Int) -> [Float] {
            (0..<count).map { _ in Float(Int.random(in: 1...250, using: &random)) }
        }
        var vectors: [String: Vector] = [:]
        if id % 11 != 3 { vectors["large"] = .dense(floats(40)) }
        if id % 5 != 2 { vectors["small"] = .dense(floats(6)) }
        if id % 3 == 0 { vectors["many"] = .multi([floats(4), floats(4)]) }
        if id % 4 != 0 {
            vectors["words"] = .sparse(
                SparseVector(indices: [UInt32(id % 50), 100], values: floats(2)))
        }
        return Point(
            id: .number(id), vectors: vectors,
            payload: ["id": .integer(Int64(id)), "version": .integer(Int64(version))])
    }

    private static func open(
        _ disk: any FileSystem, threads: Int = 2
    ) throws -> Database {
        var configuration = EngineConfiguration.quiet
        configuration.indexThreads = threads
        return try Database.open(at: "/db", configuration: configuration, fileSystem: disk)
    }

    /// Every point is there once, as it was last written, and is found by each of its vectors, by
    /// its payload, and by its id.
    private static func check(
        _ collection: Collection, _ expected: [UInt64: Point],
        _ location: SourceLocation = #_sourceLocation
    ) throws {
        let page = try collection.scroll(
            ScrollRequest(limit: expected.count + 10, withVectors: .all))
        #expect(
            page.points.map(\.id) == expected.keys.sorted().map { .number($0) },
            sourceLocation: location)
        for record in page.points {
            guard case .number(let id) = record.id, let point = expected[id] else { continue }
            #expect(record.payload == point.payload, sourceLocation: location)
            #expect(record.vectors == point.vectors, sourceLocation: location)
        }
        for (id, point) in expected where id % 23 == 0 {
            let own = Filter(
                must: [.field(PayloadPath(key: "id"), .matchInteger(Int64(id)))])
            let found = try collection.scroll(ScrollRequest(limit: 5, filter: own))
            #expect(found.points.map(\.id) == [point.id], sourceLocation: location)
            for (name, vector) in point.vectors {
                var request = QueryRequest(
                    query: .nearest(.vector(vector)), using: name, limit: 1)
                if name != "large" { request.filter = own }
                request.parameters.exact = name != "large"
                request.parameters.ef = 200
                let nearest = try collection.query(request).first
                #expect(nearest?.id == point.id, "by \(name)", sourceLocation: location)
            }
        }
    }

    /// Ids in the order of rows.
    private static func ids(_ disk: any FileSystem, _ segment: Int) throws -> [UInt64] {
        let reader = try SegmentReader.open(
            fileSystem: disk, path: "/db/c/\(String(format: "%08d", segment)).seg")
        return try reader.rowIDs()
    }

    private static func segments(_ disk: SimulatedFileSystem) throws -> [[UInt8]] {
        try disk.files.keys.filter { $0.hasSuffix(".seg") }.sorted().map {
            try disk.bytes(of: $0)
        }
    }

    @Test(
        "What is written and deleted while a file is written and taken into use goes to its rows",
        arguments: RenamingDisk.Moment.allCases)
    func sealing(moment: RenamingDisk.Moment) throws {
        let simulated = SimulatedFileSystem(directories: ["/"])
        let disk = RenamingDisk(simulated)
        let database = try Self.open(disk)
        let points = try database.createCollection("c", Self.configuration)
        try points.createPayloadIndex(
            PayloadPath(key: "id"), PayloadFieldSchema(type: .integer))
        var expected: [UInt64: Point] = [:]
        func put(_ new: [Point]) throws {
            try points.upsert(new)
            for point in new {
                if case .number(let id) = point.id { expected[id] = point }
            }
        }
        try put((0..<UInt64(Self.count)).map { Self.point($0) })
        // Two rows of one point in one file, and rows that are dead before it is written.
        try put(stride(from: 0, to: UInt64(Self.count), by: 6).map { Self.point($0, version: 1) })
        try points.delete(.ids([5, 105, 205]))
        for id in [5, 105, 205] { expected[UInt64(id)] = nil }
        let failure = Mutex<(any Error)?>(nil)
        disk.set(moment) {
            do {
                try points.upsert((300..<320).map { Self.point($0, version: 2) })
                try points.delete(.ids([7, 46, 690]))
            } catch { failure.withLock { $0 = error } }
        }
        try points.seal()
        #expect(failure.withLock { $0 } == nil)
        #expect(disk.hasCalled)
        for id in UInt64(300)..<320 { expected[id] = Self.point(id, version: 2) }
        for id in [7, 46, 690] { expected[UInt64(id)] = nil }
        try Self.check(points, expected)
        let rows = try Self.ids(disk, 1)
        #expect(rows != rows.sorted())
        for survivor in [simulated.afterKill(), simulated.afterPowerLoss(.losesEverythingUnsynced)]
        {
            let again = try Self.open(survivor)
            try Self.check(try again.collection("c"), expected)
            try again.close()
        }
        try points.compact()
        try Self.check(points, expected)
        try database.close()
        let report = try Database.check(at: "/db", fileSystem: simulated)
        #expect(report.faults.isEmpty, "\(report)")
    }

    @Test("Files that are sealed and merged are the same whatever the number of threads")
    func determinism() throws {
        let files = try [1, 4].map { threads in
            let disk = SimulatedFileSystem(directories: ["/"])
            let database = try Self.open(disk, threads: threads)
            let points = try database.createCollection("c", Self.configuration)
            try points.upsert((0..<UInt64(Self.count)).map { Self.point($0) })
            try points.seal()
            let sealed = try Self.segments(disk)
            try points.upsert((600..<900).map { Self.point($0, version: 1) })
            try points.compact()
            let merged = try Self.segments(disk)
            try database.close()
            return sealed + merged
        }
        #expect(files[0].count == 2)
        #expect(files[0] == files[1])
    }

    @Test("Without its deletion file a repair tells the last version of a point from the others")
    func repair() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try Self.open(disk)
        let points = try database.createCollection("c", Self.configuration)
        var expected: [UInt64: Point] = [:]
        for version in 0..<3 {
            let new = (0..<UInt64(200)).map { Self.point($0, version: version) }
            try points.upsert(new)
            for (id, point) in new.enumerated() { expected[UInt64(id)] = point }
        }
        try points.seal()
        // The marks of a sealed segment are written with the next one.
        try points.upsert([Self.point(1000)])
        expected[1000] = Self.point(1000)
        try points.seal()
        try database.close()
        let path = try #require(disk.files.keys.first { $0.contains("00000001.del-") })
        try disk.flip(bit: 0, ofByte: 40, in: path)
        _ = try Database.repair(at: "/db", options: RepairOptions(), fileSystem: disk)
        let again = try Self.open(disk)
        try Self.check(try again.collection("c"), expected)
        try again.close()
    }

    @Test("Points that are written together and near each other lie together in the file")
    func locality() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try Self.open(disk)
        let points = try database.createCollection("c", .small)
        // 20 heaps, far apart, whose points come in turns.
        var random = SeededGenerator(seed: 3)
        func heap(_ number: UInt64) -> [Float] {
            let angle = Float(number % 20) / 20 * 2 * .pi
            return [cos(angle) * 1000, sin(angle) * 1000]
                + (0..<2).map { _ in Float.random(in: 0...1, using: &random) }
        }
        try points.upsert(
            (0..<UInt64(1000)).map { Point(id: .number($0), vector: heap($0), payload: [:]) })
        try points.seal()
        let rows = try Self.ids(disk, 1)
        let together = zip(rows, rows.dropFirst()).count { $0 % 20 == $1 % 20 }
        #expect(together > 800, "\(together) of 999")
        try database.close()
    }
}

extension SegmentReader {
    /// Point ids, which are numbers, in the order of rows.
    func rowIDs() throws -> [UInt64] {
        let bytes = unsafe Array(try section("ids"))
        return stride(from: 16, to: bytes.count, by: 24).map { place in
            bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}

/// A disk that lets something happen once, before a file gets its name.
final class RenamingDisk: FileSystem {
    enum Moment: CaseIterable {
        /// The segment file is written; its deletions are not copied yet.
        case segmentIsWritten
        /// Its deletions are copied; nobody uses it yet.
        case isCommitted
    }

    private let disk: SimulatedFileSystem
    private let action = Mutex<(suffix: String, run: @Sendable () -> Void)?>(nil)

    init(_ disk: SimulatedFileSystem) { self.disk = disk }

    func set(_ moment: Moment, _ run: @escaping @Sendable () -> Void) {
        let suffix = moment == .segmentIsWritten ? ".seg" : "/CURRENT"
        action.withLock { $0 = (suffix, run) }
    }

    var hasCalled: Bool { action.withLock { $0 == nil } }

    func rename(_ source: String, to destination: String) throws(StorageError) {
        let run = action.withLock { action -> (@Sendable () -> Void)? in
            guard let due = action, destination.hasSuffix(due.suffix) else { return nil }
            action = nil
            return due.run
        }
        run?()
        try disk.rename(source, to: destination)
    }

    func open(_ path: String, _ mode: FileMode) throws(StorageError) -> any File {
        try disk.open(path, mode)
    }
    func map(_ path: String) throws(StorageError) -> MappedFile { try disk.map(path) }
    func link(_ source: String, to destination: String) throws(StorageError) {
        try disk.link(source, to: destination)
    }
    func remove(_ path: String) throws(StorageError) { try disk.remove(path) }
    func list(_ directory: String) throws(StorageError) -> [String] { try disk.list(directory) }
    func makeDirectory(_ path: String) throws(StorageError) { try disk.makeDirectory(path) }
    func removeDirectory(_ path: String) throws(StorageError) { try disk.removeDirectory(path) }
    func kind(of path: String) throws(StorageError) -> FileKind? { try disk.kind(of: path) }
    func isLink(_ path: String) throws(StorageError) -> Bool { try disk.isLink(path) }
    func synchronizeDirectory(_ path: String) throws(StorageError) {
        try disk.synchronizeDirectory(path)
    }
    func freeByteCount(of path: String) throws(StorageError) -> UInt64? {
        try disk.freeByteCount(of: path)
    }
    func lock(_ path: String, note: String) throws(StorageError) -> any FileLock {
        try disk.lock(path, note: note)
    }
}
