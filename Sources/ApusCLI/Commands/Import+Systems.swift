import ApusConnectors
import ArgumentParser

/// `apus import redis`
struct ImportRedis: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis",
        abstract: "From Redis: a vector set, an index of its search module, or keys by a pattern.",
        discussion: """
            A vector set's attributes, and the other fields of hashes and JSON documents, become \
            payload. Of ids that are neither numbers nor UUIDs "redis_element" or "redis_key" has the \
            text.

            Examples:
              apus import redis --from redis://localhost:6379 --vector-set docs --data ./data
              apus import redis --from redis://localhost:6379 --index docs --data ./data
              apus import redis --from redis://localhost:6379 --keys 'doc:*' --vector embedding \\
                --into docs --data ./data
            """)

    @Option(
        help: ArgumentHelp("redis://HOST:PORT or redis://HOST:PORT/DATABASE.", valueName: "url"))
    var from: String

    @Option(help: ArgumentHelp("Key of a vector set.", valueName: "key"))
    var vectorSet: String?

    @Option(help: "Name of an index of the search module.")
    var index: String?

    @Option(help: ArgumentHelp("Keys, where no index is.", valueName: "pattern"))
    var keys: String?

    @Flag(help: "The keys are JSON documents, not hashes.")
    var json = false

    @Option(help: "With --keys: a field of 32-bit floats, or a path to an array; may be repeated.")
    var vector: [String] = []

    @Option(help: "With --keys: how vectors are compared.")
    var metric = MetricArgument.cosine

    @Option(help: "User, of servers that have several.")
    var user: String?

    @Option(help: "Where the password is: NAME or env:NAME of the environment, or file:PATH.")
    var keyFrom: String?

    @OptionGroup var options: ImportOptions

    func validate() throws {
        guard [vectorSet, index, keys].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("Give one of --vector-set, --index and --keys")
        }
        guard (keys == nil) == vector.isEmpty else {
            throw ValidationError("--keys needs --vector, and nothing else does")
        }
        guard keys == nil || options.into != nil else {
            throw ValidationError("--keys needs --into: there is no name to take over")
        }
        guard user == nil || keyFrom != nil else {
            throw ValidationError("--user needs --key-from")
        }
    }

    func run() async throws {
        let password = try ImportOptions.key(keyFrom)
        guard let server = RedisServer(url: from, user: user, password: password) else {
            throw ValidationError("--from must be like redis://localhost:6379, and is '\(from)'")
        }
        if let vectorSet {
            let source = RedisVectorSetImport(server: server, key: vectorSet)
            try await ImportRun(source: source, name: vectorSet, options: options).run()
        } else if let index {
            let source = RedisKeysImport(server: server, selection: .index(index))
            try await ImportRun(source: source, name: index, options: options).run()
        } else if let keys {
            let source = RedisKeysImport(
                server: server,
                selection: .pattern(keys, isJSON: json, fields: vector, distance: metric.distance))
            try await ImportRun(source: source, name: keys, options: options).run()
        }
    }
}

/// `apus import weaviate`
struct ImportWeaviate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weaviate",
        abstract: "From a Weaviate server.",
        discussion: """
            Takes the vector or the named vectors and the properties of a collection's objects, the \
            distance, the graph's settings, and indexes of properties.

            Example:
              apus import weaviate --from http://localhost:8080 --collection Docs --data ./data
            """)

    @Option(help: ArgumentHelp("http://HOST:PORT.", valueName: "url"))
    var from: String

    @Option(help: "Name of the collection (class) there.")
    var collection: String

    @Option(help: "Of a collection with tenants, the one to take.")
    var tenant: String?

    @Option(help: "Where the server's key is: NAME or env:NAME of the environment, or file:PATH.")
    var keyFrom: String?

    @OptionGroup var options: ImportOptions

    func run() async throws {
        let source = WeaviateImport(
            url: from, collection: collection, tenant: tenant,
            key: try ImportOptions.key(keyFrom))
        try await ImportRun(source: source, name: collection, options: options).run()
    }
}

/// `apus import pinecone`
struct ImportPinecone: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pinecone",
        abstract: "From an index of Pinecone.",
        discussion: """
            Takes values, sparse values (the field "sparse") and metadata. Of ids that are neither \
            numbers nor UUIDs "pinecone_id" has the text, and "pinecone_namespace" names the \
            namespace. The ids of several namespaces may be alike: without --namespace those of \
            named ones become UUIDs of both.

            Example:
              apus import pinecone --from https://docs-1a2b3c.svc.aped-4627-b74a.pinecone.io \\
                --key-from PINECONE_API_KEY --into docs --data ./data
            """)

    @Option(
        help: ArgumentHelp("The index's own address, as its description has it.", valueName: "url"))
    var from: String

    @Option(help: "Only this namespace ('' is the one without a name).")
    var namespace: String?

    @Option(help: "How vectors are compared, where the index does not say it.")
    var metric: MetricArgument?

    @Option(help: "Where the API key is: NAME or env:NAME of the environment, or file:PATH.")
    var keyFrom: String?

    @OptionGroup var options: ImportOptions

    func validate() throws {
        guard options.into != nil else {
            throw ValidationError("--into is needed: an index does not say its name")
        }
    }

    func run() async throws {
        let source = PineconeImport(
            url: from, namespace: namespace, distance: metric?.distance,
            key: try ImportOptions.key(keyFrom))
        try await ImportRun(source: source, name: from, options: options).run()
    }
}

/// `apus import elasticsearch`
struct ImportElasticsearch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "elasticsearch",
        abstract: "From an index of Elasticsearch (dense_vector) or OpenSearch (knn_vector).",
        discussion: """
            Takes the fields of vectors that the mapping has, the rest of _source as payload, and \
            indexes of its fields. Of ids that are neither numbers nor UUIDs "elasticsearch_id" has \
            the text.

            Example:
              apus import elasticsearch --from https://localhost:9200 --index docs \\
                --key-from ELASTIC_API_KEY --data ./data
            """)

    @Option(help: ArgumentHelp("http://HOST:PORT or https://HOST:PORT.", valueName: "url"))
    var from: String

    @Option(help: "Name of the index, or of an alias of one.")
    var index: String

    @Option(help: "Field of vectors; may be repeated (default: all that the mapping has).")
    var vector: [String] = []

    @Option(help: "User whose password --key-from has; without one it has an API key.")
    var user: String?

    @Option(
        help: "Where the key or password is: NAME or env:NAME of the environment, or file:PATH.")
    var keyFrom: String?

    @OptionGroup var options: ImportOptions

    func validate() throws {
        guard user == nil || keyFrom != nil else {
            throw ValidationError("--user needs --key-from")
        }
    }

    func run() async throws {
        let key = try ImportOptions.key(keyFrom)
        let source = ElasticsearchImport(
            url: from, index: index, fields: vector,
            credential: key.map { key in
                user.map { .basic(user: $0, password: key) } ?? .apiKey(key)
            })
        try await ImportRun(source: source, name: index, options: options).run()
    }
}
