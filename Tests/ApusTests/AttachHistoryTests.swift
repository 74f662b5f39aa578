import Apus
import ApusStorage
import TestSupport
import Testing

/// Attached points are in no log: whoever follows it is told, and a restore never loses them.
@Suite("Attached segments in the log's archive and in changes")
struct AttachHistoryTests {
    private static func build(_ name: String, _ ids: Range<Int>, on disk: SimulatedFileSystem)
        throws
        -> String
    {
        try Builds.make(
            name, ids.map { Point(id: .number(UInt64($0)), vector: [1, Float($0)]) },
            ArchivedDatabase.settings, on: disk)
    }

    @Test("Every batch before and after an attach can be restored, and so can it")
    func pointInTime() throws {
        let fixture = ArchivedDatabase()
        let folder = try Self.build("a", 3..<40, on: fixture.disk)
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try fixture.write(1...5, to: points)
        fixture.clock.now += 1_000
        let attached = try points.attach([folder]).sequenceNumber
        #expect(attached == SequenceNumber(6))
        try fixture.write(50...52, to: points)
        try points.seal()
        try fixture.write(53...54, to: points)
        try database.close()
        let all = Array(1..<40)
        let expected: [UInt64: [Int]] = [
            3: [1, 2, 3], 5: [1, 2, 3, 4, 5], 6: all, 7: all + [50], 9: all + [50, 51, 52],
            11: all + Array(50...54),
        ]
        for (number, ids) in expected {
            let path = "/d/at-\(number)"
            _ = try fixture.restore(to: .sequenceNumber(SequenceNumber(number)), into: path)
            #expect(try fixture.ids(of: "c", in: path) == ids, "batch \(number)")
        }
        _ = try fixture.restore()
        #expect(try fixture.ids(of: "c") == expected[11])
    }

    @Test("Without a snapshot from after it, a restore past an attach is refused and says why")
    func withoutBase() async throws {
        let fixture = ArchivedDatabase()
        let folder = try Self.build("a", 3..<40, on: fixture.disk)
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        try await database.perform { try fixture.write(1...5, to: points) }
        try await points.attach([folder])
        try await database.perform {
            try fixture.write(50...52, to: points)
            try points.seal()
        }
        try database.close()
        // The second base goes, as if it had never been made.
        let bases = try fixture.files("bases/").filter { $0.contains("-lsn6") }
        #expect(bases.count == 1)
        for base in bases { try fixture.disk.remove(base) }
        let error = #expect(throws: DatabaseError.self) { try fixture.restore() }
        #expect(error?.message.contains("batch 6 attached segments") == true)
        _ = try fixture.restore(to: .sequenceNumber(SequenceNumber(5)))
        #expect(try fixture.ids(of: "c") == [1, 2, 3, 4, 5])
        // The next start sees that it lacks and makes it.
        let again = try fixture.open()
        try await again.performSnapshotWork {}
        try again.close()
        _ = try fixture.restore(into: "/d/second")
        #expect(try fixture.ids(of: "c", in: "/d/second") == Array(1..<40) + [50, 51, 52])
    }

    @Test("Who follows the collection is told that its copy begins anew")
    func changes() async throws {
        let fixture = ArchivedDatabase()
        let folder = try Self.build("a", 3..<40, on: fixture.disk)
        let database = try fixture.open(isArchiving: false)
        let points = try await database.perform {
            let points = try database.createCollection("c", ArchivedDatabase.settings)
            try fixture.write(1...5, to: points)
            return points
        }
        let reader = try points.changes(after: .zero)
        for _ in 0..<5 { _ = try await reader.next() }
        let attached = try await points.attach([folder]).sequenceNumber
        let error = await #expect(throws: DatabaseError.self) { try await reader.next() }
        #expect(error?.kind == .gone && error?.message.contains("is 7.") == true)
        #expect(points.oldestChange == attached.next)
        #expect(throws: DatabaseError.self) { try points.changes(after: SequenceNumber(5)) }
        let next = try points.changes(after: attached)
        try await points.delete(.ids([10]))
        #expect(try await next.next().deletes == [10])
        try await database.perform { try database.close() }
        let again = try fixture.open(isArchiving: false)
        #expect(try again.collection("c").oldestChange == attached.next)
        try await again.perform { try again.close() }
    }

    @Test("A position that came with a deletion only is there after its file was written")
    func positionsOfDeletions() throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        try points.upsert(Builds.points(0..<10, version: 1))
        try points.seal()
        let positions = SourcePositions(["reader": [7]])
        _ = try points.write([.delete(.ids([3]))], positions: positions)
        try points.compact()
        try database.close()
        let again = try Builds.open(disk)
        #expect(try again.collection("p").sourcePositions() == positions)
        try again.close()
    }
}
