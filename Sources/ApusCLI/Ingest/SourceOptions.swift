import ApusCore
import ApusPipeline
import ArgumentParser

/// The file of points that a command reads, and how.
struct SourceOptions: ParsableArguments {
    /// For the help of commands that read one.
    static let discussion = """
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
        """

    @Option(help: ArgumentHelp("Vectors, or whole points.", valueName: "file"))
    var vectors: String

    @Option(help: ArgumentHelp("Payloads of the rows.", valueName: "file"))
    var payload: String?

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
            "What made the vectors, for the card: ID, ID@VERSION, or FIELD=ID@VERSION,….",
            valueName: "model"))
    var model: String?

    func validate() throws {
        if let limit { try Checked.inRange("--limit", limit, 1...Int.max) }
    }

    /// The file, told apart by its name; rows are opened.
    func source() throws -> VectorSource {
        try VectorSource(vectors: vectors, payload: payload, table: vectorColumn)
    }

    /// The points from the first one on.
    func open(_ source: VectorSource) async throws -> AnyPointSource {
        switch source {
        case .lines(let path): AnyPointSource(try JSONLinesSource(LineReader(path: path)))
        case .columns(let path):
            AnyPointSource(
                try await ColumnSource(
                    try InputFile(path: path), columns: columns, firstID: idOffset))
        case .rows(let rows, let payload):
            AnyPointSource(
                try RowSource(
                    rows, payload: try payload.map { try LineReader(InputFile(path: $0)) },
                    firstID: idOffset))
        }
    }

    /// What a run that was cut off is known by.
    func job(
        _ source: VectorSource, into target: String, collection: String
    ) throws -> Checkpoint.Job {
        var payloadFile: InputFile?
        var columns: [String] = []
        let file: InputFile
        switch source {
        case .lines(let path): file = try InputFile(path: path)
        case .columns(let path):
            file = try InputFile(path: path)
            columns = [idColumn, vectorColumn]
        case .rows(let rows, let payload):
            file = rows.file
            payloadFile = try payload.map { try InputFile(path: $0) }
            if ColumnFormat(path: vectors) == .hdf5 { columns = [vectorColumn] }
        }
        var job = Checkpoint.Job(
            target: target, collection: collection, vectors: Checkpoint.Source(file),
            payload: payloadFile.map { Checkpoint.Source($0) }, firstID: idOffset)
        if !columns.isEmpty { job.columns = columns }
        return job
    }

    /// What `--model` says of the fields of the source; of several kinds, `ID` alone is about the
    /// dense ones.
    func models(
        of fields: [VectorField]
    ) throws -> [String: CollectionCard.Model] {
        guard let model else { return [:] }
        let declaration = try ModelDeclaration(text: model, in: "--model")
        if let field = declaration.fields.keys.first(where: { name in
            !fields.contains { $0.name == name }
        }) {
            throw Failure("--model names a vector '\(field)' that the source does not have")
        }
        let dense = fields.filter { $0.kind != .sparse }
        var models = declaration.fields.mapValues { CollectionCard.Model($0) }
        for field in dense.isEmpty ? fields : dense where models[field.name] == nil {
            models[field.name] = declaration.any.map { CollectionCard.Model($0) }
        }
        return models
    }

    private var columns: ColumnSource.Columns {
        var columns = ColumnSource.Columns()
        columns.id = idColumn
        columns.vector = vectorColumn
        return columns
    }
}

/// Points of whatever kind of file.
struct AnyPointSource: PointSource {
    private var base: any PointSource

    init(_ base: any PointSource) { self.base = base }

    var count: Int? { base.count }
    var fractionRead: Double { base.fractionRead }
    var fields: [VectorField] { base.fields }

    mutating func skip(_ count: Int) async throws(PipelineError) -> [PointID] {
        try await base.skip(count)
    }

    mutating func next(_ limit: Int) async throws(PipelineError) -> [Point] {
        try await base.next(limit)
    }
}
