import ApusConnectors
import ArgumentParser

/// `apus import`: takes over collections of other systems.
struct Import: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take over a collection of another system.",
        discussion: """
            Ids, vectors and payloads are taken as they are, and settings as far as both systems have \
            them. Ids that are neither numbers nor UUIDs become UUIDs, and stay in the payload. A run \
            that was cut off goes on where it was when it is started again. At the end the numbers of \
            points are compared, and a sample of them is read back and searched for.
            """,
        subcommands: [
            ImportQdrant.self, ImportChroma.self, ImportPostgres.self, ImportRedis.self,
            ImportWeaviate.self, ImportPinecone.self, ImportElasticsearch.self,
        ])
}

/// `apus import qdrant`
struct ImportQdrant: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qdrant",
        abstract: "From a server with Qdrant's REST interface.",
        discussion: """
            Takes all vectors, settings of vectors, HNSW and quantization, and payload indexes.

            Example:
              apus import qdrant --from http://localhost:6333 --collection docs --data ./data
            """)

    @Option(help: ArgumentHelp("http://HOST:PORT.", valueName: "url"))
    var from: String

    @Option(help: "Name of the collection there.")
    var collection: String

    @Option(help: "Where the server's key is: NAME or env:NAME of the environment, or file:PATH.")
    var keyFrom: String?

    @OptionGroup var options: ImportOptions

    func run() async throws {
        let source = QdrantImport(
            url: from, collection: collection, key: try ImportOptions.key(keyFrom))
        try await ImportRun(source: source, name: collection, options: options).run()
    }
}

/// `apus import chroma`
struct ImportChroma: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chroma",
        abstract: "From a Chroma server.",
        discussion: """
            Metadata becomes payload, and the document its member "document". Of ids that are neither \
            numbers nor UUIDs "chroma_id" has the text.

            Example:
              apus import chroma --from http://localhost:8000 --collection docs --data ./data
            """)

    @Option(help: ArgumentHelp("http://HOST:PORT.", valueName: "url"))
    var from: String

    @Option(help: "Name of the collection there.")
    var collection: String

    @Option var tenant = "default_tenant"
    @Option var database = "default_database"

    @Option(help: "Where the server's token is: NAME or env:NAME of the environment, or file:PATH.")
    var keyFrom: String?

    @OptionGroup var options: ImportOptions

    func run() async throws {
        let source = ChromaImport(
            url: from, collection: collection, tenant: tenant, database: database,
            key: try ImportOptions.key(keyFrom))
        try await ImportRun(source: source, name: collection, options: options).run()
    }
}

/// `apus import pgvector`
struct ImportPostgres: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pgvector",
        abstract: "From a table of PostgreSQL with a column of pgvector.",
        discussion: """
            The other columns become payload. A pipeline follows a table; this takes it over once.

            Example:
              apus import pgvector --from env:DATABASE_URL --table items --key id \\
                --vector embedding --data ./data
            """)

    @Option(
        help: ArgumentHelp(
            "Connection string or URI, or env:NAME or file:PATH where it is.", valueName: "text"))
    var from: String

    @Option var table: String

    @Option(help: "Column with a unique index, which becomes the id.")
    var key = "id"

    @Option(help: "Column of the vectors.")
    var vector: String

    @Option(help: "How vectors are compared.")
    var metric = MetricArgument.cosine

    @OptionGroup var options: ImportOptions

    func run() async throws {
        let source = PostgresImport(
            connection: Reference(from, place: "--from"), table: table, key: key, vector: vector,
            distance: metric.distance)
        try await ImportRun(source: source, name: table, options: options).run()
    }
}
