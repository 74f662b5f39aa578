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

            VECTORS            rows are
              x.npy            float16, float32 or uint8; id = row number
              x.fvecs x.bvecs  float32 or uint8; id = row number
              x.jsonl[.gz]     {"id": 7, "vector": [0.1, 0.2], "payload": {"y": 1}}
                               "vector": {"name": [...], ...} for named vectors
              x.hdf5           the table that --vector-column names; id = row number
              x.parquet x.arrow columns id, vector (a list of floats), vectors (a struct of \
            named ones), payload; other columns are members of the payload

            PAYLOAD (x.jsonl or x.jsonl.gz) has a JSON object a line: the payload of the row with \
            the same number.

            Examples:
              apus ingest --collection docs --vectors docs.npy \\
                --payload docs.jsonl.gz --data ./data
              apus ingest --collection sift --vectors sift.bvecs --metric l2 \\
                --url grpc://localhost:6334
            """)

    @Option(help: "Name of the collection.")
    var collection: String

    @Option(help: ArgumentHelp("Vectors, or whole points.", valueName: "file"))
    var vectors: String

    @Option(help: ArgumentHelp("Payloads of the rows.", valueName: "file"))
    var payload: String?

    @Option(help: "How a new collection compares vectors (default: cosine).")
    var metric: MetricArgument?

    @Option(
        help: ArgumentHelp("Directory of a database that no server has open.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Address of a server: grpc://HOST:PORT.", valueName: "url"))
    var url: String?

    @Option(help: "Points per write.")
    var batchSize = 500

    @Option(help: ArgumentHelp("Load only the first rows.", valueName: "rows"))
    var limit: Int?

    @Option(help: "Added to row numbers to make ids.")
    var idOffset: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "The column of x.parquet or x.arrow that has the ids.", valueName: "name"))
    var idColumn = ColumnSource.Columns().id

    @Option(
        help: ArgumentHelp(
            "The column of x.parquet or x.arrow, or table of x.hdf5, that has the vectors.",
            valueName: "name"))
    var vectorColumn = ColumnSource.Columns().vector

    @Option(
        help: ArgumentHelp(
            "Key for the server (default: the environment's APUS_API_KEY).", valueName: "key"))
    var apiKey: String?

    @Option(
        help: ArgumentHelp(
            "Where the run notes how far it is (default: in ~/.local/state/apus).",
            valueName: "file"))
    var checkpoint: String?

    func validate() throws {
        guard (data == nil) != (url == nil) else {
            throw ValidationError("Give one of --data DIR and --url grpc://HOST:PORT")
        }
        if let url, ServerAddress(url) == nil {
            throw ValidationError("--url must be like grpc://localhost:6334, and is '\(url)'")
        }
        try Checked.inRange("--batch-size", batchSize, 1...100_000)
        if let limit { try Checked.inRange("--limit", limit, 1...Int.max) }
    }

    func run() async throws {
        let source = try VectorSource(
            vectors: vectors, payload: payload, table: vectorColumn)
        if let data {
            let target = try LocalTarget(directory: data, collection: collection)
            do {
                try await load(source, into: target, named: absolute(data))
            } catch {
                try? target.close()
                throw error
            }
        } else if let address = url.flatMap(ServerAddress.init) {
            let key = apiKey ?? ProcessInfo.processInfo.environment["APUS_API_KEY"]
            try await RemoteTarget.withConnection(
                to: address, collection: collection, apiKey: key
            ) { try await load(source, into: $0, named: address.description) }
        }
    }

    private func load(
        _ source: VectorSource, into target: some IngestTarget, named targetName: String
    ) async throws {
        switch source {
        case .lines(let path):
            let file = try InputFile(path: path)
            try await load(
                into: target, job: job(targetName, file, nil),
                from: { try JSONLinesSource(LineReader(path: path)) })
        case .columns(let path):
            let file = try InputFile(path: path)
            var columns = ColumnSource.Columns()
            columns.id = idColumn
            columns.vector = vectorColumn
            var job = job(targetName, file, nil)
            job.columns = [idColumn, vectorColumn]
            try await load(
                into: target, job: job,
                from: { [columns] in
                    try await ColumnSource(file, columns: columns, firstID: idOffset)
                })
        case .rows(let rows, let payload):
            let payloadFile = try payload.map { try InputFile(path: $0) }
            var job = job(targetName, rows.file, payloadFile)
            if ColumnFormat(path: vectors) == .hdf5 { job.columns = [vectorColumn] }
            try await load(
                into: target, job: job,
                from: {
                    try RowSource(
                        rows, payload: try payloadFile.map { try LineReader($0) },
                        firstID: idOffset)
                })
        }
    }

    private func load<Source: PointSource>(
        into target: some IngestTarget, job: Checkpoint.Job,
        from open: () async throws -> Source
    ) async throws {
        let fields = try await open().fields
        try await target.prepare(fields, metric?.metric)
        var options = Ingest.Options()
        options.batchSize = batchSize
        options.limit = limit
        let file =
            checkpoint.map { CheckpointFile(path: $0) }
            ?? CheckpointFile(for: job, environment: ProcessInfo.processInfo.environment)
        let display = ProgressDisplay()
        let summary: Ingest.Summary
        do {
            summary = try await Ingest(options).run(
                from: open, into: target, resumption: (job, file), report: display.show)
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

    private func job(
        _ target: String, _ vectors: InputFile, _ payload: InputFile?
    ) -> Checkpoint.Job {
        Checkpoint.Job(
            target: target, collection: collection, vectors: Checkpoint.Source(vectors),
            payload: payload.map { Checkpoint.Source($0) }, firstID: idOffset)
    }

    private func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}
