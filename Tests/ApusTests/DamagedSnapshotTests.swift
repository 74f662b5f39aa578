import Apus
import ApusStorage
import TestSupport
import Testing

/// One damaged record kept all snapshots of a store from being listed, restored and deleted.
@Suite("Snapshots beside one whose record is damaged")
struct DamagedSnapshotTests {
    private struct Fixture {
        let archived = ArchivedDatabase()
        let database: Database
        /// Of collection `a` with point 1, and with point 2 too; of `b`.
        var snapshots: [SnapshotDescription] = []
        var damagedPath = ""

        init() throws {
            database = try archived.open(isArchiving: false)
            let a = try database.createCollection("a", ArchivedDatabase.settings)
            let b = try database.createCollection("b", ArchivedDatabase.settings)
            try archived.write([1], to: a)
            snapshots.append(try a.createSnapshot())
            try archived.write([2], to: a)
            snapshots.append(try a.createSnapshot())
            try archived.write([3], to: b)
            snapshots.append(try b.createSnapshot())
            damagedPath = try #require(
                try archived.files("collections/a/").first { $0.hasSuffix(snapshots[0].name) })
            try archived.disk.flip(bit: 1, ofByte: 40, in: damagedPath)
        }

        func blobs() throws -> Int { try archived.files("blobs/").count }
    }

    @Test("The others are listed, and the damaged one is told of")
    func list() throws {
        let fixture = try Fixture()
        let a = try fixture.database.collection("a")
        #expect(try a.snapshots() == [fixture.snapshots[1]])
        #expect(fixture.archived.reports.all.contains { $0.hasPrefix(fixture.damagedPath) })
        #expect(try fixture.database.collection("b").snapshots() == [fixture.snapshots[2]])
        #expect(try fixture.database.snapshots() == [])
        try fixture.database.close()
    }

    @Test("Another is restored by its name; an automatic choice that may concern it is refused")
    func restore() throws {
        let fixture = try Fixture()
        try fixture.database.close()
        let archived = fixture.archived
        _ = try archived.restore(into: "/d/named") { $0.snapshot = fixture.snapshots[1].name }
        #expect(try archived.ids(of: "a", in: "/d/named") == [1, 2])
        let error = #expect(throws: DatabaseError.self) {
            try archived.restore { $0.snapshot = fixture.snapshots[0].name }
        }
        #expect(error?.message.hasPrefix(fixture.damagedPath) == true)
        for collections in [nil, ["a"], ["b", "a"]] as [[String]?] {
            let error = #expect(throws: DatabaseError.self) {
                try archived.restore { $0.collections = collections }
            }
            #expect(error?.kind == .corruption)
            #expect(error?.message.hasPrefix(fixture.damagedPath) == true)
            #expect(error?.message.contains("--snapshot") == true)
        }
        _ = try archived.restore { $0.collections = ["b"] }
        #expect(try archived.ids(of: "b") == [3])
    }

    @Test("Another is deleted, and its contents go once every record can be read")
    func delete() throws {
        let fixture = try Fixture()
        let a = try fixture.database.collection("a")
        let before = try fixture.blobs()
        #expect(try a.deleteSnapshot(fixture.snapshots[1].name))
        #expect(try !a.deleteSnapshot(fixture.snapshots[1].name))
        #expect(try fixture.blobs() == before)
        #expect(fixture.archived.reports.all.contains { $0.contains("is not free yet") })
        // The damaged one by its name.
        #expect(try a.deleteSnapshot(fixture.snapshots[0].name))
        #expect(try a.snapshots() == [])
        let b = try fixture.database.collection("b")
        let rest = try #require(try b.snapshots().first)
        #expect(try fixture.blobs() < before)
        try fixture.database.restoreCollection(
            "copy", from: .snapshot(name: rest.name, collection: "b"), replacing: false)
        #expect(try ArchivedDatabase.ids(fixture.database.collection("copy")) == [3])
        try fixture.database.close()
    }

    @Test("A damaged snapshot of the database concerns every collection")
    func whole() throws {
        let archived = ArchivedDatabase()
        let database = try archived.open(isArchiving: false)
        let points = try database.createCollection("a", ArchivedDatabase.settings)
        try archived.write([1], to: points)
        try points.createSnapshot()
        let whole = try database.createSnapshot()
        let path = "\(ArchivedDatabase.archivePath)/full/\(whole.name)"
        try archived.disk.put([], at: path)
        #expect(try database.snapshots() == [])
        let error = #expect(throws: DatabaseError.self) {
            try archived.restore { $0.collections = ["a"] }
        }
        #expect(error?.message.hasPrefix(path) == true)
        #expect(try database.deleteSnapshot(whole.name))
        _ = try archived.restore { $0.collections = ["a"] }
        #expect(try archived.ids(of: "a") == [1])
        try database.close()
    }
}
