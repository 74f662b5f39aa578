import ApusBench
import ApusCore
import ApusPipeline
import Foundation
import Testing

/// Whole benchmarks on very little.
@Suite struct BenchRunTests {
    private static let hdf5 = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/hdf5")

    private let scratch: TemporaryFolder
    private var folder: String { scratch.path }

    init() throws { scratch = try TemporaryFolder() }

    private func write(
        _ name: String, _ rows: Range<Int>, scaledBy scale: Double = 1
    ) throws -> String {
        // Points on a circle that grows, so that no two are equal.
        var words: [UInt32] = []
        for row in rows {
            let radius = scale * (1 + Double(row) / 100)
            // Above 0, where there is room for it in bytes.
            let centre = scale == 1 ? 0 : 128.0
            let point = [cos(Double(row)), sin(Double(row))].map { Float(centre + radius * $0) }
            words += [2] + point.map(\.bitPattern)
        }
        let bytes = words.flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
        }
        return try scratch.write(name, bytes)
    }

    private func dataset(k: Int = 5) throws -> Dataset {
        try Dataset(
            base: write("base.fvecs", 0..<400),
            queries: write("q.fvecs", 50..<60), truth: nil, limit: nil,
            metric: .euclid, k: k)
    }

    private func settings() -> SweepSettings {
        var settings = SweepSettings()
        settings.efs = [32]
        settings.k = 5
        settings.passes = 1
        return settings
    }

    @Test func aFileOfANNBenchmarksIsWholeByItself() throws {
        let path = Self.hdf5.appending(path: "newest.hdf5").path
        let dataset = try Dataset(hdf5: path, limit: nil, metric: nil, k: 3)
        #expect(dataset.metric == .cosine)
        #expect(dataset.base.count == 12)
        #expect(dataset.queries.count == 2)
        #expect(dataset.truth?.width == 3)
        #expect(dataset.name == "hdf5/newest.hdf5")
        // Neighbours among all rows are none among fewer.
        #expect(try Dataset(hdf5: path, limit: 10, metric: .dot, k: 3).truth == nil)
        #expect(throws: BenchError.self) {
            try Dataset(hdf5: path, limit: nil, metric: nil, k: 4)
        }
    }

    /// Between the neighbours lie several whole numbers, so that rounding to them costs little.
    @Test func vectorsAreStoredAsTheDatatypeSays() throws {
        let dataset = try Dataset(
            base: write("base.fvecs", 0..<400, scaledBy: 20),
            queries: write("q.fvecs", 50..<60, scaledBy: 20), truth: nil, limit: nil,
            metric: .euclid, k: 5)
        var recalls: [Double] = []
        var bytes: [Double] = []
        for datatype in [nil, .float16, .uint8] as [VectorDatatype?] {
            var settings = settings()
            settings.datatype = datatype
            settings.isExact = true
            let report = Report(settings, dataset, isa: "scalar")
            let sweep = Sweep(
                dataset, settings, databaseAt: "\(folder)/\(datatype?.rawValue ?? "plain")"
            ) { _ in }
            try sweep.run { effort, measurement, cost in
                recalls.append(measurement.recall)
                bytes.append(cost.split.first { $0.part == "vectors" }?.bytes ?? 0)
                let line = report.line(effort, measurement, cost)
                #expect(line.contains("datatype") == (datatype != nil))
            }
        }
        try #require(recalls.count == 3)
        #expect(recalls[0] == 1)
        #expect(recalls[1] > 0.95)
        #expect(recalls[2] > 0.8)
        #expect(bytes[0] > bytes[1] && bytes[1] > bytes[2])
    }

    @Test func codesOfEveryKindAreMeasured() throws {
        var words: [UInt32] = []
        for row in 0..<500 {
            words.append(64)
            words += (0..<64).map { Float(sin(Double((row + 1) * ($0 + 3)))).bitPattern }
        }
        let bytes = words.flatMap { word in
            (0..<4).map { UInt8(truncatingIfNeeded: word >> UInt32(8 * $0)) }
        }
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/b.fvecs"))
        let dataset = try Dataset(
            base: "\(folder)/b.fvecs", queries: "\(folder)/b.fvecs", truth: nil, limit: 400,
            metric: .euclid, k: 5)
        for (codes, byteCount) in [
            (WalkCodes.scalar, 80.0), (.none, 80), (.fourBit, 48), (.twoBit, 32), (.binary, 32),
        ] {
            var settings = settings()
            settings.efs = [200]
            settings.quantization = codes
            let report = Report(settings, dataset, isa: "scalar")
            var recall = 0.0
            try Sweep(
                dataset, settings, databaseAt: "\(folder)/\(codes.rawValue)", note: { _ in }
            ).run { effort, measurement, cost in
                recall = measurement.recall
                #expect(recall > 0.95, "\(codes)")
                let split = try #require(cost.split.first { $0.part == "codes" })
                #expect(split.bytes.rounded(.down) == byteCount, "\(codes)")
                let line = report.line(effort, measurement, cost)
                #expect(
                    line.contains("\"quantization\": \"\(codes.rawValue)\"")
                        == (codes != .scalar))
            }
            // Without a second look at the vectors less is found.
            settings.rescores = false
            try Sweep(
                dataset, settings, databaseAt: "\(folder)/\(codes.rawValue)", note: { _ in }
            ).run { _, measurement, _ in
                if codes == .binary { #expect(measurement.recall < recall) }
            }
        }
    }

    @Test func aFilterIsJudgedAmongThePointsItMatches() throws {
        let lines = (0..<400).map { "{\"third\": \($0 % 3)}" }.joined(separator: "\n")
        try Data(lines.utf8).write(to: URL(fileURLWithPath: "\(folder)/p.jsonl"))
        let dataset = try dataset().withPayload(at: "\(folder)/p.jsonl")
        var settings = settings()
        settings.filter = TextualFilter(
            text: "{\"x\"}",
            filter: Filter(must: [.field(PayloadPath(key: "third"), .matchInteger(1))]))
        let report = Report(settings, dataset, isa: "scalar")
        var printed: [String] = []
        try Sweep(dataset, settings, databaseAt: folder + "/db", note: { _ in }).run {
            effort, measurement, cost in
            #expect(cost.matches == 133)
            #expect(measurement.recall > 0.9)
            // Not the 64 MiB that a database keeps back.
            #expect(cost.bytesPerVector < 5000)
            #expect(cost.split.contains { $0.part == "vectors" && $0.bytes >= 8 })
            printed.append(report.line(effort, measurement, cost))
        }
        let curve = try #require(CurveFile.curves(ofLines: printed, named: "n").first)
        #expect(curve.work == report.work)
        #expect(curve.work.filter == "{\"x\"}")
        #expect(curve.shares.map(\.name).contains("graph"))
    }

    @Test func aShortPayloadFileIsNamed() throws {
        try Data("{}\n{}\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/p.jsonl"))
        let error = #expect(throws: BenchError.self) {
            try dataset().withPayload(at: "\(folder)/p.jsonl")
        }
        #expect(error?.description.contains("ends after 2 lines") == true)
    }

    @Test func roundsKeepTheirPointsAndEndBesideANewCollection() throws {
        let churn = Churn(
            try dataset(), settings(), databasesIn: folder, note: { _ in })
        var rounds: [Churn.Round] = []
        try churn.run(rounds: 3, share: 0.3) { rounds.append($0) }
        #expect(rounds.map(\.number) == [0, 1, 2, 3, 3])
        #expect(rounds.map(\.isFresh) == [false, false, false, false, true])
        #expect(rounds.map(\.replacedCount) == [0, 60, 60, 60, 0])
        for round in rounds {
            #expect(round.liveCount == 200)
            #expect(round.graphFaultCount == 0)
            #expect(round.measurements.map(\.ef) == [32])
            #expect(round.measurements.allSatisfy { $0.measurement.recall > 0.9 })
        }
    }

    @Test func kernelsOfEveryElementAreMeasuredInEveryAccess() throws {
        var settings = KernelBench.Settings()
        settings.dimensions = [20]
        settings.levels = [.scalar]
        settings.workingSetByteCount = 1 << 20
        settings.duration = .milliseconds(1)
        var figures: [KernelBench.Figure] = []
        try KernelBench(settings).run { figures.append($0) }
        // Only bytes have a kernel of their own for cosine; codes have none for Manhattan.
        #expect(figures.count == (3 + 3 + 4 + 2) * 3)
        for figure in figures {
            #expect(figure.nanoseconds > 0 && figure.nanoseconds.isFinite)
            #expect((figure.shareOfMemory == nil) == (figure.access == .cache))
            let line = KernelReport.line(figure, workingSetByteCount: 1 << 20)
            #expect(throws: Never.self) { try JSONParser.value(in: Array(line.utf8)) }
        }
    }
}
