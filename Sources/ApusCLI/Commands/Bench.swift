import ApusBench
import ApusKernels
import ArgumentParser
import Foundation

/// `apus bench`: measures what the engine can do on this machine.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure recall and speed.",
        subcommands: [BenchANN.self, BenchStorage.self, BenchChurn.self])
}

/// `apus bench ann`: recall against speed of nearest-neighbour search.
struct BenchANN: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ann",
        abstract: "Recall and queries per second of nearest-neighbour search.",
        discussion: """
            Builds a collection from the base vectors, writes it out, opens it again, and asks \
            every query, one at a time, through the engine's own search path. Standard output gets \
            one JSON object a line for each --ef:

              index params recall qps p50_us p95_us p99_us build_s
              bytes_per_vector isa

            and standard error a table. Recall counts a neighbour that is as near as the k-th true \
            one. The fastest of --passes passes is reported, after one to warm up.

            Examples:
              apus bench ann --base sift.bvecs --queries query.bvecs \\
                --truth truth.ivecs --metric l2
              apus bench ann --base docs.npy --queries q.npy --truth truth.npy \\
                --metric cosine --limit 20000 --ef 64,128

            APUS_ISA=scalar|avx2|avx512|neon chooses the instruction set of the kernels.
            """)

    /// What is measured.
    enum Index: String, ExpressibleByArgument, CaseIterable {
        case hnsw
        case flat
    }

    @Option(help: ArgumentHelp("Base vectors (.npy, .fvecs, .bvecs).", valueName: "file"))
    var base: String

    @Option(help: ArgumentHelp("Query vectors.", valueName: "file"))
    var queries: String

    @Option(
        help: ArgumentHelp(
            "Ids of the exact neighbours, best first (.npy, .ivecs); without it, and with --limit,"
                + " the engine's exact search finds them.", valueName: "file"))
    var truth: String?

    @Option(help: "How vectors are compared.")
    var metric: MetricArgument

    @Option(help: ArgumentHelp("Use only the first rows of the base.", valueName: "rows"))
    var limit: Int?

    @Option(help: "The index to measure.")
    var index = Index.hnsw

    @Flag(help: "Measure the scan over every vector; the same as --index flat.")
    var exact = false

    @Option(help: "Links per node of the graph.")
    var m = 16

    @Option(help: "Candidates while the graph is built.")
    var efConstruction = 200

    @Option(help: ArgumentHelp("Candidates while searching.", valueName: "list"))
    var ef = NumberList([16, 32, 64, 128, 256])

    @Option(help: "Neighbours asked for.")
    var k = 10

    @Option(help: "Threads that search at the same time.")
    var threads = 1

    @Option(help: "Threads that build the graph.")
    var buildThreads = 2

    @Option(help: "Timed passes over the queries.")
    var passes = 3

    @Option(
        help: ArgumentHelp(
            "Keep the database here, and use it again next time (default: a temporary one).",
            valueName: "dir"))
    var data: String?

    func validate() throws {
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
            base: base, queries: queries, truth: truth, limit: limit, metric: metric.metric, k: k)
        let directory = data ?? temporaryDirectory()
        defer { if data == nil { try? FileManager.default.removeItem(atPath: directory) } }
        let sweep = Sweep(dataset, settings, databaseAt: directory) {
            StandardError.write(line: $0)
        }
        let report = Report(settings, dataset, isa: try SIMDLevel.requireActive().rawValue)
        var isFirst = true
        try sweep.run { ef, measurement, cost in
            if isFirst {
                StandardError.write(line: report.summary(cost))
                StandardError.write(line: report.heading())
            }
            isFirst = false
            StandardError.write(line: report.row(ef: ef, measurement))
            print(report.line(ef: ef, measurement, cost))
            fflush(nil)
        }
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
        settings.isExact = exact || index == .flat
        return settings
    }

    private func temporaryDirectory() -> String {
        FileManager.default.temporaryDirectory
            .appendingPathComponent("apus-bench-\(UUID().uuidString)").path
    }
}
