import ApusCore
import ApusPipeline
import ApusProto
import ApusWire
import GRPCCore
import GRPCNIOTransportHTTP2
import GRPCProtobuf
import SwiftProtobuf

/// A collection of a server, over gRPC.
struct RemoteTarget: IngestTarget {
    private let client: GRPCClient<HTTP2ClientTransport.Posix>
    let name: String
    private let metadata: Metadata

    /// A server that is away for a moment gets so many tries, each twice as long after the one
    /// before; upserts may be repeated.
    private static let tries = 6
    private static let firstPause = Duration.milliseconds(200)

    /// Connects for as long as `body` runs. Every call says that its vectors come from `models`.
    static func withConnection<Value: Sendable>(
        to address: ServerAddress, collection name: String, apiKey: String?,
        models: [String: CollectionCard.Model] = [:],
        _ body: (RemoteTarget) async throws -> Value
    ) async throws -> Value {
        let transport = try HTTP2ClientTransport.Posix(
            target: .dns(host: address.host, port: address.port), transportSecurity: .plaintext)
        var metadata: Metadata = [:]
        if let apiKey { metadata.addString(apiKey, forKey: "api-key") }
        if !models.isEmpty {
            let declaration = ModelDeclaration(fields: models.mapValues(\.name))
            metadata.addString(declaration.text, forKey: ModelHeader.name)
        }
        return try await withGRPCClient(transport: transport) { client in
            try await body(RemoteTarget(client: client, name: name, metadata: metadata))
        }
    }

    @discardableResult
    func prepare(_ fields: [VectorField], _ metric: Metric?) async throws -> Bool {
        if try await create(CollectionShape.configuration(for: fields, metric)) { return true }
        try CollectionShape.check(name, try await vectorConfiguration(), takes: fields, metric)
        return false
    }

    /// A server that knows no cards has none, and one that lets the caller only write may have one.
    func adopt(_ models: [String: CollectionCard.Model]) async throws {
        guard !models.isEmpty else { return }
        do {
            var request = Apus_V1_SetCardRequest()
            request.collectionName = name
            request.card = Apus_V1_CollectionCard(CollectionCard(models: models))
            request.ifEmpty = true
            let _: Apus_V1_SetCardResponse = try await call(Self.apus, "SetCard", request)
        } catch let error as RPCError where error.code == .permissionDenied {
            guard let card = try await card()?.card else { return }
            for (field, model) in models { try card.check(model.name, of: field, in: name) }
        } catch let error as RPCError where error.code == .unimplemented {
            return
        } catch let error as RPCError where error.code == .failedPrecondition {
            throw Failure(error.message)
        }
    }

    /// nil: the server knows no cards.
    func card() async throws -> (card: CollectionCard?, recall: MeasuredRecall)? {
        var request = Apus_V1_GetCardRequest()
        request.collectionName = name
        do {
            let answer: Apus_V1_GetCardResponse = try await call(Self.apus, "GetCard", request)
            return (
                answer.hasCard ? try CollectionCard(answer.card) : nil,
                MeasuredRecall(answer.recall)
            )
        } catch let error as RPCError where error.code == .unimplemented {
            return nil
        }
    }

    /// Puts a card in the place of the one that there was; nil: none.
    func setCard(_ card: CollectionCard?) async throws {
        if let card {
            var request = Apus_V1_SetCardRequest()
            request.collectionName = name
            request.card = Apus_V1_CollectionCard(card)
            let _: Apus_V1_SetCardResponse = try await call(Self.apus, "SetCard", request)
        } else {
            var request = Apus_V1_DeleteCardRequest()
            request.collectionName = name
            let _: Apus_V1_DeleteCardResponse = try await call(Self.apus, "DeleteCard", request)
        }
    }

    /// What the server says of the vector fields; everything else as it is by default.
    func vectorConfiguration() async throws -> CollectionConfiguration {
        var get = Qdrant_GetCollectionInfoRequest()
        get.collectionName = name
        let info: Qdrant_GetCollectionInfoResponse = try await call(Self.collections, "Get", get)
        return CollectionConfiguration(vectorsOf: info.result.config.params)
    }

    /// Creates the collection with the vector fields of `configuration`, unless it exists. Returns
    /// whether it did.
    func create(_ configuration: CollectionConfiguration) async throws -> Bool {
        if try await exists() { return false }
        let _: Qdrant_CollectionOperationResponse = try await call(
            Self.collections, "Create", Qdrant_CreateCollection(name, configuration))
        return true
    }

    func exists() async throws -> Bool {
        var request = Qdrant_CollectionExistsRequest()
        request.collectionName = name
        let answer: Qdrant_CollectionExistsResponse = try await call(
            Self.collections, "CollectionExists", request)
        return answer.result.exists
    }

    func write(_ points: [Point]) async throws {
        var request = Qdrant_UpsertPoints()
        request.collectionName = name
        request.wait = true
        request.points = points.map { Qdrant_PointStruct($0) }
        var pause = Self.firstPause
        for attempt in 1... {
            do {
                let _: Qdrant_PointsOperationResponse = try await call(
                    Self.points, "Upsert", request)
                return
            } catch let error as RPCError
                where error.code == .unavailable && attempt < Self.tries
            {
                try await Task.sleep(for: pause)
                pause *= 2
            }
        }
    }

    func count(of ids: [PointID]) async throws -> Int {
        var request = Qdrant_GetPoints()
        request.collectionName = name
        request.ids = ids.map { Qdrant_PointId($0) }
        request.withPayload.enable = false
        let answer: Qdrant_GetResponse = try await call(Self.points, "Get", request)
        return answer.result.count
    }

    func count() async throws -> Int {
        var request = Qdrant_CountPoints()
        request.collectionName = name
        request.exact = true
        let answer: Qdrant_CountResponse = try await call(Self.points, "Count", request)
        return Int(clamping: answer.result.count)
    }

    func finish() async throws {}

    static let collections = "qdrant.Collections"
    static let points = "qdrant.Points"
    static let apus = "apus.v1.Apus"

    func call<Request: Message, Reply: Message>(
        _ service: String, _ method: String, _ request: Request
    ) async throws -> Reply {
        try await client.unary(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
            serializer: ProtobufSerializer<Request>(), deserializer: ProtobufDeserializer<Reply>(),
            options: .defaults
        ) { response in try response.message }
    }

    /// The same with more metadata in the request; gives that of the answer, too.
    func call<Request: Message, Reply: Message>(
        _ service: String, _ method: String, _ request: Request, adding more: Metadata
    ) async throws -> (Reply, Metadata) {
        var metadata = metadata
        metadata.add(contentsOf: more)
        return try await client.unary(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
            serializer: ProtobufSerializer<Request>(), deserializer: ProtobufDeserializer<Reply>(),
            options: .defaults
        ) { response in
            var all = response.metadata
            all.add(contentsOf: response.trailingMetadata)
            return (try response.message, all)
        }
    }

    /// Sends `first`, and after each answer what `body` makes of it, until that is nil. Returns the
    /// state when the server has ended the call, too.
    func converse<Request: Message, Reply: Message, State: Sendable>(
        _ service: String, _ method: String, _ first: Request, from state: State,
        _ body: @escaping @Sendable (Reply, inout State) throws -> Request?
    ) async throws -> State {
        let (messages, sender) = AsyncStream.makeStream(of: Request.self)
        sender.yield(first)
        defer { sender.finish() }
        return try await client.bidirectionalStreaming(
            request: StreamingClientRequest(metadata: metadata) { writer in
                for await message in messages { try await writer.write(message) }
            },
            descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
            serializer: ProtobufSerializer<Request>(), deserializer: ProtobufDeserializer<Reply>(),
            options: .defaults
        ) { response in
            defer { sender.finish() }
            var state = state
            for try await reply in response.messages {
                if let next = try body(reply, &state) {
                    sender.yield(next)
                } else {
                    sender.finish()
                }
            }
            return state
        }
    }

    /// Takes the messages of an answer one after the other: the next when `body` is done with one.
    func stream<Request: Message, Reply: Message, State: Sendable>(
        _ service: String, _ method: String, _ request: Request, from state: State,
        _ body: @escaping @Sendable (Reply, inout State) async throws -> Void
    ) async throws {
        try await client.serverStreaming(
            request: ClientRequest(message: request, metadata: metadata),
            descriptor: MethodDescriptor(fullyQualifiedService: service, method: method),
            serializer: ProtobufSerializer<Request>(), deserializer: ProtobufDeserializer<Reply>(),
            options: .defaults
        ) { response in
            var state = state
            for try await message in response.messages { try await body(message, &state) }
        }
    }
}

extension Qdrant_CreateCollection {
    /// What `CollectionShape` decides: vector fields, and everything else as the server likes it.
    fileprivate init(_ name: String, _ configuration: CollectionConfiguration) {
        self.init()
        collectionName = name
        let fields = configuration.vectors.mapValues { Qdrant_VectorParams($0) }
        if fields.count == 1, let only = fields[defaultVectorName] {
            vectorsConfig.params = only
        } else {
            vectorsConfig.paramsMap.map = fields
        }
        for name in configuration.sparseVectors.keys {
            sparseVectorsConfig.map[name] = Qdrant_SparseVectorParams()
        }
    }
}

extension Qdrant_VectorParams {
    fileprivate init(_ configuration: DenseVectorConfiguration) {
        self.init()
        size = UInt64(configuration.dimension)
        distance =
            switch configuration.metric {
            case .cosine: .cosine
            case .euclid: .euclid
            case .dot: .dot
            case .manhattan: .manhattan
            }
        if configuration.isMultiVector { multivectorConfig.comparator = .maxSim }
    }
}

extension CollectionConfiguration {
    /// The vector fields only.
    fileprivate init(vectorsOf parameters: Qdrant_CollectionParams) {
        self.init()
        let config = parameters.vectorsConfig
        var fields = config.paramsMap.map
        if case .params(let only) = config.config { fields = [defaultVectorName: only] }
        for (name, field) in fields {
            let metric: Metric =
                switch field.distance {
                case .euclid: .euclid
                case .dot: .dot
                case .manhattan: .manhattan
                case .cosine, .unknownDistance, .UNRECOGNIZED: .cosine
                }
            vectors[name] = DenseVectorConfiguration(
                dimension: Int(clamping: field.size), metric: metric,
                isMultiVector: field.hasMultivectorConfig)
        }
        for name in parameters.sparseVectorsConfig.map.keys {
            sparseVectors[name] = SparseVectorConfiguration()
        }
    }
}
