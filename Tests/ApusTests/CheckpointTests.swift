import Apus
import Foundation
import TestSupport
import Testing

@Suite("Graph checkpoints")
struct CheckpointTests {
    private static let rowCount = 3_000

    private static func configuration(checkpointRowsMin: Int) -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.checkpointRowsMin = checkpointRowsMin
        configuration.sealOnCloseRowsMin = .max
        return configuration
    }

    /// A database whose points are all in the log and in their graphs, as a crash leaves it.
    private static func crashed(
        in directory: borrowing TemporaryDirectory, checkpointRowsMin: Int
    ) async throws -> String {
        let live = directory.path + "/live"
        let database = try Database.open(
            at: live, configuration: configuration(checkpointRowsMin: checkpointRowsMin))
        let points = try database.createCollection(
            "c", CollectionConfiguration(dimension: 8, metric: .euclid))
        var generator = SeededGenerator(seed: 7)
        for start in stride(from: 0, to: rowCount, by: 250) {
            try await points.upsert(
                (start..<start + 250).map { id in
                    Point(
                        id: .number(UInt64(id)),
                        vector: (0..<8).map { _ in Float.random(in: -1...1, using: &generator) })
                })
        }
        try await points.delete(.ids([3, 500, 2_999]))
        try await database.perform { try points.waitUntilIndexed() }
        let copy = directory.path + "/crashed-\(checkpointRowsMin)"
        try FileManager.default.copyItem(atPath: live, toPath: copy)
        try database.close()
        try FileManager.default.removeItem(atPath: live)
        return copy
    }

    private static func checkpointFiles(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path + "/c").filter {
            $0.hasSuffix(".graph")
        }
    }

    /// The bytes of the one segment that sealing writes.
    private static func sealedBytes(_ path: String) throws -> (Data, CollectionRecovery) {
        let database = try Database.open(at: path)
        let points = try database.collection("c")
        let recovery = points.recovery
        try points.seal()
        try database.close()
        let segment = try #require(
            try FileManager.default.contentsOfDirectory(atPath: path + "/c")
                .first { $0.hasSuffix(".seg") })
        return (try Data(contentsOf: URL(filePath: "\(path)/c/\(segment)")), recovery)
    }

    @Test("After a crash the graphs come back, and grow on as if they had been built at once")
    func recovery() async throws {
        let directory = try TemporaryDirectory()
        let with = try await Self.crashed(in: directory, checkpointRowsMin: 1_000)
        let without = try await Self.crashed(in: directory, checkpointRowsMin: .max)
        #expect(try Self.checkpointFiles(with).count == 1)
        #expect(try Self.checkpointFiles(without).isEmpty)
        let (bytes, recovery) = try Self.sealedBytes(with)
        let (expected, expectedRecovery) = try Self.sealedBytes(without)
        #expect(recovery.checkpointedRowCount >= 1_000)
        #expect(expectedRecovery.checkpointedRowCount == 0)
        #expect(recovery.replayedBatchCount == expectedRecovery.replayedBatchCount)
        #expect(bytes == expected)
        #expect(try Self.checkpointFiles(with).isEmpty, "a sealed segment needs none")
    }

    @Test("A checkpoint that is damaged, or of other rows, is passed over")
    func useless() async throws {
        let directory = try TemporaryDirectory()
        let crashed = try await Self.crashed(in: directory, checkpointRowsMin: 1_000)
        let other = try await Self.crashed(in: directory, checkpointRowsMin: 1_001)
        let without = try await Self.crashed(in: directory, checkpointRowsMin: .max)
        let (expected, _) = try Self.sealedBytes(without)
        let name = try #require(try Self.checkpointFiles(crashed).first)
        let file = URL(filePath: "\(crashed)/c/\(name)")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count / 2] ^= 4
        try bytes.write(to: file)
        let (found, recovery) = try Self.sealedBytes(crashed)
        #expect(recovery.checkpointedRowCount == 0)
        #expect(found == expected)

        // The same file beside a log that lacks its last rows.
        let database = try Database.open(
            at: other, configuration: Self.configuration(checkpointRowsMin: .max))
        #expect(try database.collection("c").recovery.checkpointedRowCount >= 1_001)
        try database.close()
        let whole = URL(filePath: "\(other)/c/\(try #require(Self.checkpointFiles(other).first))")
        let empty = directory.path + "/empty"
        let fresh = try Database.open(
            at: empty, configuration: Self.configuration(checkpointRowsMin: .max))
        let points = try fresh.createCollection(
            "c", CollectionConfiguration(dimension: 8, metric: .euclid))
        try await points.upsert([Point(id: 1, vector: [Float](repeating: 1, count: 8))])
        try fresh.close()
        try FileManager.default.copyItem(
            at: whole, to: URL(filePath: "\(empty)/c/\(whole.lastPathComponent)"))
        let reopened = try Database.open(at: empty)
        let again = try reopened.collection("c")
        #expect(again.recovery.checkpointedRowCount == 0)
        #expect(try await again.count() == 1)
        try reopened.close()
    }
}
