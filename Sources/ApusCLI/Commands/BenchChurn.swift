import ApusBench
import ApusKernels
import ArgumentParser
import Foundation

/// `apus bench churn`: what deletions, updates and merging leave of recall, speed and disk.
struct BenchChurn: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "churn",
        abstract: "Recall, speed and disk after deleting, updating and merging.",
        discussion: """
            Writes the base vectors, deletes 30% of the points, updates 30% (they had the vectors \
            of others at first), merges everything, and compares the collection with a new one of \
            the same points: recall and queries per second at the same ef, measured by turns; \
            bytes on disk; and whether every node of the graph can be reached. Standard output \
            gets one JSON object a line for each --ef.

            With --rounds half of the base vectors are written at first; each round deletes \
            --share of the points, writes as many of the others, and merges. After every round, \
            and for a new collection of the last round's points, standard output gets one JSON \
            object a line for each --ef:

              round fresh ef recall qps live replaced write_s compact_s bytes_per_vector
              segments graph_faults isa

            Examples:
              apus bench churn --base docs.npy --queries q.npy --metric cosine --ef 64,128
              apus bench churn --base docs.npy --queries q.npy --metric cosine --ef 64 \\
                --rounds 10 --share 0.2
            """)

    @Option(help: ArgumentHelp("Base vectors (.npy, .fvecs, .bvecs).", valueName: "file"))
    var base: String

    @Option(help: ArgumentHelp("Query vectors.", valueName: "file"))
    var queries: String

    @Option(help: "How vectors are compared.")
    var metric: MetricArgument

    @Option(help: ArgumentHelp("Use only the first rows of the base.", valueName: "rows"))
    var limit: Int?

    @Option(help: "Links per node of the graph.")
    var m = 16

    @Option(help: "Candidates while the graph is built.")
    var efConstruction = 200

    @Option(help: ArgumentHelp("Candidates while searching.", valueName: "list"))
    var ef = NumberList([16, 32, 64, 128])

    @Option(help: "Neighbours asked for.")
    var k = 10

    @Option(help: "Threads that search at the same time.")
    var threads = 1

    @Option(help: "Threads that build the graph.")
    var buildThreads = 2

    @Option(help: "Timed passes over the queries.")
    var passes = 3

    @Option(help: "Rounds of replacing and merging, rather than the one comparison.")
    var rounds: Int?

    @Option(help: "Part of the points that a round replaces.")
    var share = 0.2

    func validate() throws {
        if let rounds { try Checked.inRange("--rounds", rounds, 1...10_000) }
        guard share > 0, share <= 1 else {
            throw ValidationError("--share must be above 0 and at most 1, and is \(share)")
        }
        try Checked.inRange("--m", m, 2...512)
        try Checked.inRange("--ef-construction", efConstruction, 4...65_536)
        for ef in ef.numbers { try Checked.inRange("--ef", ef, 1...1_000_000) }
        try Checked.inRange("--k", k, 1...10_000)
        try Checked.inRange("--threads", threads, 1...1024)
        try Checked.inRange("--build-threads", buildThreads, 1...1024)
        try Checked.inRange("--passes", passes, 1...1000)
        if let limit { try Checked.inRange("--limit", limit, 1...Int.max) }
    }

    func run() async throws { try measure() }

    /// Blocks for as long as it takes: the measured calls run on this very thread.
    private func measure() throws {
        let dataset = try Dataset(
            base: base, queries: queries, truth: nil, limit: limit, metric: metric.metric, k: k)
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("apus-churn-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true)
        let churn = Churn(dataset, settings, databasesIn: directory) {
            StandardError.write(line: $0)
        }
        let isa = try SIMDLevel.requireActive().rawValue
        if let rounds { return try measure(churn, rounds: rounds, isa: isa) }
        let outcome = try churn.run()
        for fault in outcome.graphFaults.prefix(10) { StandardError.write(line: fault) }
        for comparison in outcome.comparisons {
            print(line(comparison, outcome, isa: isa))
        }
        fflush(nil)
    }

    private func measure(_ churn: Churn, rounds: Int, isa: String) throws {
        let heads = [
            "round", "ef", "recall@\(k)", "queries/s", "write s", "merge s", "bytes", "faults",
        ]
        StandardError.write(line: row(heads))
        try churn.run(rounds: rounds, share: share) { round in
            for (ef, measurement) in round.measurements {
                StandardError.write(
                    line: row([
                        round.isFresh ? "new" : "\(round.number)", "\(ef)",
                        number(measurement.recall, 4), number(measurement.queriesPerSecond, 0),
                        number(round.writeSeconds, 2), number(round.compactSeconds, 2),
                        number(round.bytesPerVector, 0), "\(round.graphFaultCount)",
                    ]))
                print(line(round, ef: ef, measurement, isa: isa))
            }
            fflush(nil)
        }
    }

    private func row(_ cells: [String]) -> String {
        cells.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 }
            .joined(separator: " ")
    }

    private func line(
        _ round: Churn.Round, ef: Int, _ measurement: ApusBench.Measurement, isa: String
    ) -> String {
        object([
            ("round", "\(round.number)"), ("fresh", "\(round.isFresh)"), ("ef", "\(ef)"),
            ("recall", number(measurement.recall, 5)),
            ("qps", number(measurement.queriesPerSecond, 1)), ("live", "\(round.liveCount)"),
            ("replaced", "\(round.replacedCount)"), ("write_s", number(round.writeSeconds, 2)),
            ("compact_s", number(round.compactSeconds, 2)),
            ("bytes_per_vector", number(round.bytesPerVector, 1)),
            ("segments", "\(round.segmentCount)"),
            ("graph_faults", "\(round.graphFaultCount)"), ("isa", "\"\(isa)\""),
        ])
    }

    private var settings: SweepSettings {
        var settings = SweepSettings()
        settings.m = m
        settings.efConstruction = efConstruction
        settings.efs = ef.numbers
        settings.k = k
        settings.threads = threads
        settings.buildThreads = buildThreads
        settings.passes = passes
        return settings
    }

    private func line(
        _ comparison: Churn.Comparison, _ outcome: Churn.Outcome, isa: String
    ) -> String {
        let (fresh, churned) = (comparison.fresh, comparison.churned)
        let disk = Double(outcome.churnedByteCount) / Double(max(1, outcome.freshByteCount))
        let fields: [(String, String)] = [
            ("ef", "\(comparison.ef)"), ("live", "\(outcome.liveCount)"),
            ("recall_fresh", number(fresh.recall, 5)),
            ("recall_churned", number(churned.recall, 5)),
            ("recall_difference", number(churned.recall - fresh.recall, 5)),
            ("qps_fresh", number(fresh.queriesPerSecond, 1)),
            ("qps_churned", number(churned.queriesPerSecond, 1)),
            ("qps_ratio", number(churned.queriesPerSecond / fresh.queriesPerSecond, 3)),
            ("disk_ratio", number(disk, 4)),
            ("disk_bytes", "\(outcome.churnedByteCount)"),
            ("live_bytes", "\(outcome.freshByteCount)"),
            ("segments", "\(outcome.segmentCount)"),
            ("graph_faults", "\(outcome.graphFaults.count)"),
            ("fresh_s", number(outcome.freshSeconds, 2)),
            ("build_s", number(outcome.buildSeconds, 2)),
            ("churn_s", number(outcome.churnSeconds, 2)),
            ("compact_s", number(outcome.compactSeconds, 2)), ("isa", "\"\(isa)\""),
        ]
        return object(fields)
    }

    private func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
    }

    private func number(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}
