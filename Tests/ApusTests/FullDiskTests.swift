import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("A full disk")
struct FullDiskTests {
    private static func point(_ id: Int) -> Point {
        Point(
            id: .number(UInt64(id)), vector: [Float](repeating: Float(id), count: 16),
            payload: ["text": .string(String(repeating: "apus ", count: 20))])
    }

    /// The log was not closed when the segment could not be written. Its thread ended the file later,
    /// when another process, or a second `open`, had it already.
    @Test("A close that cannot seal ends the log all the same")
    func close() async throws {
        let disk = SimulatedFileSystem(seed: 3)
        var configuration = EngineConfiguration()
        configuration.sealOnCloseRowsMin = 1
        let database = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk)
        let points = try database.createCollection(
            "c", CollectionConfiguration(dimension: 16, metric: .euclid))
        try await points.upsert((0..<50).map(Self.point))
        let capacity = disk.usedByteCount
        disk.change { $0.capacity = capacity }
        let error = #expect(throws: DatabaseError.self) { try database.close() }
        #expect(error?.kind == .outOfSpace)
        // An ended log has no space ahead; 50 points need a few kilobytes.
        #expect(disk.usedByteCount < capacity - 32_000)
        disk.change { $0.capacity = nil }
        let calls = disk.controls.callCount
        let reopened = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk.afterKill())
        #expect(try await reopened.collection("c").count() == 50)
        try reopened.close()
        #expect(disk.controls.callCount == calls, "nothing of the first one is at work")
    }

    @Test("Deletes are taken on a full disk also after a restart")
    func deletesAfterRestart() async throws {
        let disk = SimulatedFileSystem(seed: 5)
        let capacity = 64 << 20
        disk.change { $0.capacity = capacity }
        var configuration = EngineConfiguration()
        configuration.sealOnCloseRowsMin = 1
        do {
            let database = try Database.open(
                at: "/db", configuration: configuration, fileSystem: disk)
            let points = try database.createCollection(
                "c", CollectionConfiguration(dimension: 16, metric: .euclid))
            try await points.upsert((0..<50).map(Self.point))
            try database.close()
        }
        // Somebody else takes the rest of the disk.
        let used = disk.usedByteCount
        disk.change { $0.capacity = used }
        let database = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk)
        let points = try database.collection("c")
        let error = await #expect(throws: DatabaseError.self) {
            try await points.upsert([Self.point(50)])
        }
        #expect(error?.kind == .outOfSpace)
        try await points.delete(.ids([1, 2, 3]))
        #expect(try await points.count() == 47)
        try? database.close()
        let reopened = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk.afterKill())
        #expect(try await reopened.collection("c").count() == 47)
        try? reopened.close()
    }

    @Test("Refuses writes, answers reads, takes deletes, and writes again when there is room")
    func wholeLife() async throws {
        let disk = SimulatedFileSystem(seed: 11)
        var configuration = EngineConfiguration()
        configuration.segmentRowsMax = 200
        configuration.checkpointRowsMin = 100
        let database = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk)
        let points = try database.createCollection(
            "c", CollectionConfiguration(dimension: 16, metric: .euclid))
        try await points.upsert((0..<50).map(Self.point))
        let capacity = disk.usedByteCount + 400_000
        disk.change { $0.capacity = capacity }

        var stored = 50
        var refusal: DatabaseError?
        while refusal == nil, stored < 100_000 {
            do {
                try await points.upsert((stored..<stored + 50).map(Self.point))
                stored += 50
            } catch let error as DatabaseError {
                refusal = error
            }
        }
        #expect(refusal?.kind == .outOfSpace, "\(String(describing: refusal))")
        #expect(try await points.count() == stored)
        #expect(points.info().failure == nil, "nothing is broken")
        let query = QueryRequest(nearest: [Float](repeating: 7, count: 16), limit: 1)
        #expect(try await points.query(query).first?.id == 7)

        try await points.delete(.ids((0..<10).map { .number(UInt64($0)) }))
        #expect(try await points.count() == stored - 10)

        disk.change { $0.capacity = nil }
        try await points.upsert([Self.point(1)])
        try await database.perform { try points.waitUntilIndexed() }
        #expect(try await points.count() == stored - 9)
        try database.close()

        let reopened = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk)
        #expect(try await reopened.collection("c").count() == stored - 9)
        try reopened.close()
    }
}
