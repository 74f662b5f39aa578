import ApusBench
import ArgumentParser
import Foundation

/// `apus bench storage`: what durability costs.
struct BenchStorage: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "storage",
        abstract: "Ingest, group commit, searches under ingest, opening and recovery.",
        discussion: """
            Runs the engine in this process, with its usual durability, and prints one JSON object \
            a line for each figure. Put --data on the disk that is to be measured.
            """)

    @Option(help: ArgumentHelp("Vectors to store (.npy, .fvecs, .bvecs).", valueName: "file"))
    var base: String

    @Option(help: ArgumentHelp("Query vectors.", valueName: "file"))
    var queries: String

    @Option(help: "How vectors are compared.")
    var metric: MetricArgument

    @Option(help: ArgumentHelp("Use only the first rows of the base.", valueName: "rows"))
    var limit: Int?

    @Option(
        help: ArgumentHelp(
            "Where the databases are made; removed at the end (default: a temporary folder).",
            valueName: "dir"))
    var data: String?

    func run() async throws { try measure() }

    private func measure() throws {
        let dataset = try Dataset(
            base: base, queries: queries, truth: nil, limit: limit, metric: metric.metric, k: 10)
        let parent = data ?? FileManager.default.temporaryDirectory.path
        let directory = "\(parent)/apus-bench-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let bench = StorageBench(dataset, directory: directory) { line in
            print(line)
            fflush(nil)
        }
        try bench.run()
    }
}
