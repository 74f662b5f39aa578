import ApusBench
import ApusCore
import ApusPipeline
import Foundation
import Testing

@Suite struct RecallTests {
    /// Points on a line at 0, 1, 2, 2, 3; the query stands at 0.
    private let base = FloatRows(dimension: 1, values: [0, 1, 2, 2, 3])
    private let queries = FloatRows(dimension: 1, values: [0])

    private func recall(_ found: [Int], k: Int, truth: [Int]) -> Double {
        Recall(
            metric: .euclid, base: base, queries: queries,
            truth: IDRows(width: truth.count, values: truth), k: k
        ).mean(of: [found])
    }

    @Test func theExactNeighboursAreAllOfIt() {
        #expect(recall([0, 1, 2], k: 3, truth: [0, 1, 2]) == 1)
    }

    @Test func anotherPointAtTheSameDistanceCounts() {
        #expect(recall([0, 1, 3], k: 3, truth: [0, 1, 2]) == 1)
    }

    @Test func aFartherPointDoesNotCount() {
        #expect(recall([0, 1, 4], k: 3, truth: [0, 1, 2]) == 2.0 / 3)
    }

    @Test func doublesStrangersAndMissingOnesDoNotCount() {
        #expect(recall([0, 0, 0], k: 3, truth: [0, 1, 2]) == 1.0 / 3)
        #expect(recall([0, -1, 99], k: 3, truth: [0, 1, 2]) == 1.0 / 3)
        #expect(recall([], k: 3, truth: [0, 1, 2]) == 0)
    }

    @Test func onlyTheFirstKCount() {
        #expect(recall([4, 0, 1], k: 1, truth: [0, 1, 2]) == 0)
        #expect(recall([0, 4, 4], k: 1, truth: [0, 1, 2]) == 1)
    }

    @Test func cosineAndDotLookForTheLargest() {
        let base = FloatRows(dimension: 2, values: [1, 0, 0, 5, 3, 3])
        let queries = FloatRows(dimension: 2, values: [2, 0.1])
        let cosine = Recall(
            metric: .cosine, base: base, queries: queries,
            truth: IDRows(width: 1, values: [0]), k: 1)
        #expect(cosine.mean(of: [[0]]) == 1)
        #expect(cosine.mean(of: [[2]]) == 0)
        let dot = Recall(
            metric: .dot, base: base, queries: queries, truth: IDRows(width: 1, values: [2]), k: 1)
        #expect(dot.mean(of: [[2]]) == 1)
        #expect(dot.mean(of: [[0]]) == 0)
    }
}

@Suite struct MeasurementTests {
    @Test func percentilesAreLatenciesThatWereMeasured() {
        let measurement = Measurement(
            recall: 1, latencies: (1...100).reversed().map { .microseconds($0) },
            elapsed: .milliseconds(10))
        #expect(measurement.p50 == 50)
        #expect(measurement.p95 == 95)
        #expect(measurement.p99 == 99)
        #expect(measurement.queriesPerSecond == 10_000)
    }
}

@Suite struct SweepTests {
    /// 500 rows of eight numbers: row r has 1 at r % 8 and r / 500 beside it.
    @Test func aSweepOverASmallBaseFindsItsNeighboursAndReportsEveryField() throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("apus-bench-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ name: String, rows: Range<Int>) throws -> String {
            let words = rows.flatMap { row in
                [UInt32(8)]
                    + (0..<8).map { ($0 == row % 8 ? 1 : Float(row) / 500).bitPattern }
            }
            let bytes = words.flatMap { word in
                (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
            }
            let file = folder.appendingPathComponent(name)
            try Data(bytes).write(to: file)
            return file.path
        }
        let dataset = try Dataset(
            base: write("base.fvecs", rows: 0..<500), queries: write("q.fvecs", rows: 100..<120),
            truth: nil, limit: nil, metric: .euclid, k: 5)
        var settings = SweepSettings()
        settings.efs = [64]
        settings.k = 5
        settings.passes = 1
        settings.threads = 2
        let report = Report(settings, dataset, isa: "scalar")
        var lines: [String] = []
        try Sweep(dataset, settings, databaseAt: folder.path + "/db", note: { _ in }).run {
            effort, measurement, cost in
            #expect(measurement.recall > 0.9)
            lines.append(report.line(effort, measurement, cost))
        }
        let line = try #require(lines.first)
        guard case .object(let object) = try JSONParser.value(in: Array(line.utf8)) else {
            Issue.record("\(line) is no object")
            return
        }
        for key in [
            "index", "params", "recall", "qps", "p50_us", "p95_us", "p99_us", "build_s",
            "bytes_per_vector", "isa",
        ] {
            #expect(object[key] != nil, "\(key)")
        }
    }
}
