import ApusCore
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus ingest`: fills a collection from files.
struct IngestCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Load vectors from a file into a collection.",
        discussion: """
            The collection is created when it is missing; the file says its dimension. A run that \
            was cut off goes on where it stopped when the same command is given again.

            \(SourceOptions.discussion)

            Examples:
              apus ingest --collection docs --vectors docs.npy \\
                --payload docs.jsonl.gz --data ./data
              apus ingest --collection sift --vectors sift.bvecs --metric l2 \\
                --url grpc://localhost:6334
            """)

    @Option(help: "Name of the collection.")
    var collection: String

    @OptionGroup
    var source: SourceOptions

    @Option(help: "How a new collection compares vectors (default: cosine).")
    var metric: MetricArgument?

    @OptionGroup
    var place: DatabasePlace

    @Option(help: "Points per write.")
    var batchSize = 500

    @Option(
        help: ArgumentHelp(
            "Where the run notes how far it is (default: in ~/.local/state/apus).",
            valueName: "file"))
    var checkpoint: String?

    func validate() throws {
        try Checked.inRange("--batch-size", batchSize, 1...100_000)
    }

    func run() async throws {
        let source = try source.source()
        if let data = place.data {
            let target = try LocalTarget(directory: data, collection: collection)
            do {
                try await load(source, into: target, named: absolute(data))
            } catch {
                try? target.close()
                throw error
            }
        } else if let address = place.address {
            try await RemoteTarget.withConnection(
                to: address, collection: collection, apiKey: place.key
            ) { try await load(source, into: $0, named: address.description) }
        }
    }

    private func load(
        _ file: VectorSource, into target: some IngestTarget, named targetName: String
    ) async throws {
        let job = try source.job(file, into: targetName, collection: collection)
        let fields = try await source.open(file).fields
        let models = try source.models(of: fields)
        try await target.prepare(fields, metric?.metric)
        try await target.adopt(models)
        var options = Ingest.Options()
        options.batchSize = batchSize
        options.limit = source.limit
        let checkpointFile =
            checkpoint.map { CheckpointFile(path: $0) }
            ?? CheckpointFile(for: job, environment: ProcessInfo.processInfo.environment)
        let display = ProgressDisplay()
        let summary: Ingest.Summary
        do {
            summary = try await Ingest(options).run(
                from: { try await source.open(file) }, into: target,
                resumption: (job, checkpointFile), report: display.show)
        } catch {
            display.end()
            throw error
        }
        display.end()
        tell(summary)
        let count = try await target.count()
        try await target.finish()
        print("collection '\(collection)' has \(count) points")
    }

    private func tell(_ summary: Ingest.Summary) {
        if summary.startedOver {
            StandardError.write(
                line: "an earlier run's points are not in the collection: started over")
        }
        if summary.resumedRows > 0 {
            StandardError.write(
                line: "went on after \(summary.resumedRows) rows of an earlier run")
        }
        let seconds = summary.elapsed / .seconds(1)
        let loaded = summary.rows - summary.resumedRows
        let rate = seconds > 0 ? Int((Double(loaded) / seconds).rounded()) : 0
        StandardError.write(
            line: "\(loaded) rows in \(ProgressDisplay.clock(summary.elapsed)), \(rate) rows/s")
    }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
