import Apus
import ApusCore
import ApusStorage
import TestSupport
import Testing

@Suite("Who follows a collection gets every batch once, in order, or is told that it cannot")
struct ChangesTests {
    private static func numbers(_ reader: ChangeReader, _ count: Int) async throws -> [UInt64] {
        var numbers: [UInt64] = []
        for _ in 0..<count { numbers.append(try await reader.next().sequenceNumber.rawValue) }
        return numbers
    }

    @Test("Seals and new log files do not matter to a reader that is behind")
    func seals() async throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open(isArchiving: false)
        let points = try await database.perform {
            try database.createCollection("c", ArchivedDatabase.settings)
        }
        let reader = try points.changes(after: .zero)
        for round in 0..<3 {
            try await database.perform {
                try fixture.write((round * 5 + 1)...(round * 5 + 5), to: points)
                try points.seal()
            }
        }
        #expect(points.oldestChange == SequenceNumber(1))
        let first = try await reader.next()
        #expect(first.sequenceNumber == SequenceNumber(1) && first.deletes.isEmpty)
        #expect(first.upserts == [Point(id: 1, vector: [1, 1])])
        #expect(first.time == 1_700_000_001_000)
        #expect(try await Self.numbers(reader, 14) == Array(2...15))
        #expect(!reader.isReady)
        try await points.delete(.ids([1]))
        let last = try await reader.next()
        #expect(last.deletes == [1] && last.upserts.isEmpty)
        try await database.perform { try database.close() }
    }

    @Test("What nobody holds goes with a seal, and the oldest change that is left is named")
    func gone() async throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open(isArchiving: false)
        let points = try await database.perform {
            let points = try database.createCollection("c", ArchivedDatabase.settings)
            try fixture.write(1...5, to: points)
            try points.seal()
            try fixture.write(6...7, to: points)
            return points
        }
        #expect(points.oldestChange == SequenceNumber(6))
        let error = #expect(throws: DatabaseError.self) { try points.changes(after: .zero) }
        #expect(error?.kind == .gone && error?.message.contains("is 6.") == true)
        let reader = try points.changes(after: SequenceNumber(5))
        #expect(try await Self.numbers(reader, 2) == [6, 7])
        let ahead = #expect(throws: DatabaseError.self) {
            try points.changes(after: SequenceNumber(8))
        }
        #expect(ahead?.kind == .failedPrecondition)
        try await database.perform { try database.close() }
    }

    @Test("The archive has what the log has no more, and one reader goes through both")
    func archived() async throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open()
        let points = try await database.perform {
            let points = try database.createCollection("c", ArchivedDatabase.settings)
            for round in 0..<3 {
                try fixture.write((round * 5 + 1)...(round * 5 + 5), to: points)
                try points.seal()
            }
            try fixture.write(16...17, to: points)
            return points
        }
        #expect(points.oldestChange == SequenceNumber(1))
        let reader = try points.changes(after: SequenceNumber(2))
        #expect(try await Self.numbers(reader, 15) == Array(3...17))
        try await database.perform { try database.close() }
        #expect(
            try fixture.disk.list("\(ArchivedDatabase.path)/c").allSatisfy { !$0.hasSuffix(".tmp") }
        )
    }

    @Test("A reader that waits learns that its collection is dropped or closed")
    func ends() async throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open(isArchiving: false)
        let points = try await database.perform {
            try database.createCollection("c", ArchivedDatabase.settings)
        }
        let reader = try points.changes(after: .zero)
        let waiting = Task { try await reader.next() }
        _ = try await database.perform { try database.dropCollection("c") }
        let error = await #expect(throws: DatabaseError.self) { try await waiting.value }
        #expect(error?.kind == .unavailable)
        let late = await #expect(throws: DatabaseError.self) { try await reader.next() }
        #expect(late?.kind == .unavailable)
        try await database.perform { try database.close() }
    }

    @Test("Waiting for a version ends with it, with its time, and with its task")
    func waits() async throws {
        let fixture = ArchivedDatabase()
        let database = try fixture.open(isArchiving: false)
        let points = try await database.perform {
            try database.createCollection("c", ArchivedDatabase.settings)
        }
        let waiting = Task {
            try await points.waitForVersion(SequenceNumber(2), within: .seconds(600))
        }
        try await points.upsert([Point(id: 1, vector: [1, 1])])
        try await points.upsert([Point(id: 2, vector: [1, 1])])
        #expect(try await waiting.value == SequenceNumber(2))
        let late = await #expect(throws: DatabaseError.self) {
            try await points.waitForVersion(SequenceNumber(3), within: .zero)
        }
        #expect(late?.kind == .timeout)
        let cancelled = Task {
            try await points.waitForVersion(SequenceNumber(3), within: .seconds(600))
        }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        try await database.perform { try database.close() }
    }
}
