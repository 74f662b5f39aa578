import Apus
import ApusStorage
import TestSupport
import Testing

/// What earlier processes and power losses leave in a directory: files that belong to nobody, and
/// names whose data never came.
@Suite("Leftovers")
struct LeftoversTests {
    private static let directory = "/disk/d"

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.indexThreads = 1
        configuration.searchThreads = 1
        configuration.sealOnCloseRowsMin = 1
        return try Database.open(at: directory, configuration: configuration, fileSystem: disk)
    }

    /// A closed database with a sealed segment, deletions in it, and a batch in the log.
    private static func disk() throws -> (disk: SimulatedFileSystem, ids: [PointID]) {
        let disk = SimulatedFileSystem(directories: ["/disk"])
        let database = try open(disk)
        let points = try database.createCollection(
            "c", CollectionConfiguration(dimension: 2, metric: .euclid))
        try points.upsert((0..<30).map { Point(id: .number($0), vector: [Float($0), 1]) })
        try points.seal()
        try points.delete(.ids([3, 4]))
        try points.upsert([Point(id: 40, vector: [1, 1])])
        try points.seal()
        try points.upsert([Point(id: 50, vector: [1, 1])])
        let copy = disk.afterKill()
        try database.close()
        let ids = (0..<30).filter { $0 != 3 && $0 != 4 }.map { PointID.number($0) } + [40, 50]
        return (copy, ids)
    }

    private static func ids(_ database: Database) throws -> [PointID] {
        try database.collection("c").scroll(ScrollRequest(limit: 1_000)).points.map(\.id)
    }

    @Test("(9) Stray and temporary files change nothing and go at the next start")
    func strayFiles() throws {
        let (disk, ids) = try Self.disk()
        let live = Set(disk.files.keys)
        let strays = [
            "c/00000099.seg", "c/00000098.seg.tmp", "c/CURRENT.tmp", "c/MANIFEST-00000099",
            "c/MANIFEST-00000098.tmp",
            "c/\(FileName.deletions(segment: 99, at: SequenceNumber(9)))",
            "ALIASES.tmp",
        ].map { "\(Self.directory)/\($0)" }
        for (number, stray) in strays.enumerated() {
            try disk.put((0..<(number * 100)).map { UInt8(truncatingIfNeeded: $0) }, at: stray)
        }
        // A collection that was being made, and one that was being removed.
        for unfinished in [".new", ".dropped-7"] {
            let path = "\(Self.directory)/\(unfinished)"
            try disk.makeDirectory(path)
            try disk.synchronizeDirectory(Self.directory)
            try disk.put([1, 2, 3], at: "\(path)/CURRENT")
        }
        for _ in 0..<2 {
            let database = try Self.open(disk)
            #expect(database.collectionNames() == ["c"])
            #expect(try Self.ids(database) == ids)
            try database.collection("c").upsert([Point(id: 50, vector: [2, 2])])
            try database.close()
        }
        let left = disk.files.keys.filter { path in
            strays.contains(path) && !live.contains(path) && !path.hasSuffix("ALIASES.tmp")
                || path.hasPrefix("\(Self.directory)/.new")
                || path.hasPrefix("\(Self.directory)/.dropped")
        }
        #expect(left == [])
    }

    @Test("(10) A commit marker that reached the disk before its data is found, never believed")
    func markerWithoutData() throws {
        let (disk, ids) = try Self.disk()
        let committed = disk.files.keys.filter { path in
            path.contains("MANIFEST-") || path.hasSuffix(".seg") || path.contains(".del-")
        }
        #expect(committed.count >= 4)
        for path in committed.sorted() {
            let bytes = try disk.bytes(of: path)
            let remains: [[UInt8]] = [
                [], Array(bytes.prefix(bytes.count / 2)), [UInt8](repeating: 0, count: bytes.count),
                Array(bytes.prefix(bytes.count / 2))
                    + [UInt8](repeating: 0, count: bytes.count - bytes.count / 2),
            ]
            for (number, remain) in remains.enumerated() {
                let damaged = disk.afterKill()
                try damaged.put(remain, at: path)
                try Self.expectDamageIsTold(damaged, ids, "\(path), remains \(number)")
            }
        }
    }

    /// Opening fails with a report of damage, or the collection says that it is damaged and serves
    /// no point that is not there.
    private static func expectDamageIsTold(
        _ disk: SimulatedFileSystem, _ ids: [PointID], _ what: String
    ) throws {
        let database: Database
        do {
            database = try open(disk)
        } catch let error as DatabaseError {
            #expect(error.kind == .corruption, "\(what): \(error)")
            return
        }
        defer { try? database.close() }
        do {
            let points = try database.collection("c")
            try? points.waitUntilIndexed()
            let found = try Self.ids(database)
            #expect(found.allSatisfy(ids.contains), "\(what): \(found)")
            let info = points.info()
            #expect(info.status == .red && info.failure != nil, "\(what): \(info.status)")
        } catch let error as DatabaseError {
            #expect(error.kind == .corruption, "\(what): \(error)")
        }
    }
}
