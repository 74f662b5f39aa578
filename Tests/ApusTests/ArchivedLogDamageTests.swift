import Apus
import ApusStorage
import TestSupport
import Testing

/// The end of an archived log looks like the end of a log after a crash, of which nothing was
/// acknowledged. Restores took a damaged file for that, and were short without a word.
@Suite("A damaged end of an archived log")
struct ArchivedLogDamageTests {
    enum Damage: CaseIterable {
        case flip
        case truncate
    }

    private static let start: UInt64 = 1_700_000_000_000

    /// Batches 1 to 30 in three archived files, batch n at second n.
    private static func prepare() throws -> ArchivedDatabase {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try database.createCollection("c", ArchivedDatabase.settings)
        for first in [1, 11, 21] {
            try fixture.write(first..<first + 10, to: points)
            if first < 21 { try points.seal() }
        }
        try database.close()
        #expect(try fixture.files("log/").count == 3)
        return fixture
    }

    /// Hurts the record of a batch and returns the file's path.
    private static func hurt(
        _ fixture: ArchivedDatabase, batch: UInt64, _ damage: Damage
    ) throws -> String {
        let path = try #require(
            try fixture.files("log/").last { path in
                let file = try WALDescription.describe(fileSystem: fixture.disk, path: path)
                return file.firstSequenceNumber <= SequenceNumber(batch)
            })
        let file = try WALDescription.describe(fileSystem: fixture.disk, path: path)
        let record = try #require(
            file.records.first { $0.header.sequenceNumber == SequenceNumber(batch) })
        switch damage {
        case .flip: try fixture.disk.flip(bit: 3, ofByte: record.offset + 36, in: path)
        case .truncate:
            let bytes = try fixture.disk.bytes(of: path)
            try fixture.disk.put(bytes.prefix(record.offset + 10), at: path)
        }
        return path
    }

    private static func time(_ batch: UInt64) -> RestoreTarget {
        .time(Timestamp(microseconds: Int64(start + batch * 1_000) * 1_000))
    }

    private static func batch(_ number: UInt64) -> RestoreTarget {
        .sequenceNumber(SequenceNumber(number))
    }

    private static func expectDamage(
        _ fixture: ArchivedDatabase, _ target: RestoreTarget, in path: String,
        expected: UInt64, found: UInt64
    ) throws {
        let error = #expect(throws: DatabaseError.self, "\(target)") {
            try fixture.restore(to: target, into: "/d/short")
        }
        let message = error?.message ?? ""
        #expect(error?.kind == .corruption, "\(target): \(message)")
        #expect(message.hasPrefix(path), "\(message)")
        #expect(message.contains("expected batches up to \(expected)"), "\(message)")
        #expect(message.contains("behind batch \(found);"), "\(message)")
        #expect(!message.contains("apus repair"), "\(message)")
        #expect(try fixture.disk.list("/d") == ["archive", "data"])
    }

    @Test(
        "Is an error that says what is missing, unless the target lies before it",
        arguments: Damage.allCases, [26, 30] as [UInt64])
    func last(damage: Damage, batch: UInt64) throws {
        let fixture = try Self.prepare()
        let path = try Self.hurt(fixture, batch: batch, damage)
        let targets: [RestoreTarget] = [
            .latest, Self.time(30), Self.time(31), Self.time(batch - 1),
            Self.batch(batch), Self.batch(30), Self.batch(31),
        ]
        for target in targets {
            try Self.expectDamage(fixture, target, in: path, expected: 30, found: batch - 1)
        }
        // The batch before the damage shows that no other belongs to this time.
        let early = try fixture.restore(to: Self.time(batch - 2), into: "/d/time")
        #expect(early.collections.map(\.sequenceNumber) == [SequenceNumber(batch - 2)])
        let exact = try fixture.restore(to: Self.batch(batch - 1), into: "/d/exact")
        #expect(exact.collections.map(\.sequenceNumber) == [SequenceNumber(batch - 1)])
        #expect(try fixture.ids(of: "c", in: "/d/exact") == Array(1..<Int(batch)))
    }

    @Test("A file that is cut off in its header is damaged too")
    func header() throws {
        let fixture = try Self.prepare()
        let path = try #require(try fixture.files("log/").last)
        try fixture.disk.put(try fixture.disk.bytes(of: path).prefix(20), at: path)
        try Self.expectDamage(fixture, .latest, in: path, expected: 30, found: 20)
        let report = try fixture.restore(to: Self.batch(20))
        #expect(report.collections.map(\.sequenceNumber) == [SequenceNumber(20)])
    }

    @Test(
        "A damaged file in the middle is named as a file of the archive",
        arguments: Damage.allCases)
    func middle(damage: Damage) throws {
        let fixture = try Self.prepare()
        let path = try Self.hurt(fixture, batch: 15, damage)
        for target in [.latest, Self.time(18), Self.batch(15)] as [RestoreTarget] {
            try Self.expectDamage(fixture, target, in: path, expected: 20, found: 14)
        }
        let report = try fixture.restore(to: Self.batch(14))
        #expect(report.collections.map(\.sequenceNumber) == [SequenceNumber(14)])
    }

    @Test("A missing file is an error that says which batches it had")
    func gap() throws {
        let fixture = try Self.prepare()
        try fixture.store.delete(try fixture.store.list(prefix: "log/")[1])
        for target in [.latest, Self.time(12), Self.batch(15)] as [RestoreTarget] {
            let error = #expect(throws: DatabaseError.self) { try fixture.restore(to: target) }
            let message = error?.message ?? ""
            #expect(error?.kind == .corruption, "\(message)")
            #expect(
                message.contains("batches 11 to 20 of collection `c` are missing"), "\(message)")
            #expect(!message.contains("repair"), "\(message)")
        }
        let early = try fixture.restore(to: Self.time(9), into: "/d/time")
        #expect(early.collections.map(\.sequenceNumber) == [SequenceNumber(9)])
        let exact = try fixture.restore(to: Self.batch(10), into: "/d/exact")
        #expect(exact.collections.map(\.sequenceNumber) == [SequenceNumber(10)])
    }
}
