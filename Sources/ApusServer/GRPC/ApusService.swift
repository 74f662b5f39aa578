import Apus
import ApusCore
import ApusProto
import ApusRPC
import ApusWire

/// What the interface cannot say (docs/protocol.md, "apus.v1").
struct ApusService {
    static let name = "apus.v1.Apus"

    let operations: Operations

    var methods: [RPCMethod] {
        let service = ServiceMethods(service: Self.name)
        return [
            service.reading("Query", query),
            service.reading("Explain", explain),
            service.reading("WaitForVersion", waitForVersion),
            service.unary("CreateCollection", createCollection),
            service.unary("GetCollection", getCollection),
            service.unary("GetCard", getCard),
            service.unary("SetCard", setCard),
            service.unary("DeleteCard", deleteCard),
            service.unary("GetPosition", getPosition),
            service.unary("ListPositions", listPositions),
            service.unary("DeletePosition", deletePosition),
            service.streaming("UpsertStream", upsertStream),
            service.streaming("Changes", changes),
        ]
    }

    func query(_ request: Apus_V1_QueryRequest) async throws -> Apus_V1_QueryResponse {
        let timer = CallTimer()
        let query = try QueryRequest(request)
        let answer = try await request.applied {
            try await operations.read(.answer(query, in: request.query.collectionName))
        }
        return Apus_V1_QueryResponse(answer, seconds: timer.seconds)
    }

    func explain(_ request: Apus_V1_ExplainRequest) async throws -> Apus_V1_ExplainResponse {
        let timer = CallTimer()
        let query = try QueryRequest(request.query)
        let answer = try await request.query.applied {
            try await operations.read(
                .explanation(
                    query, comparing: request.compare, in: request.query.query.collectionName))
        }
        return .with {
            $0.answer = Apus_V1_QueryResponse(answer, seconds: timer.seconds)
            if let explanation = answer.explanation {
                $0.explanation = Apus_V1_Explanation(explanation)
            }
        }
    }

    func waitForVersion(
        _ request: Apus_V1_WaitForVersionRequest
    ) async throws -> Apus_V1_WaitForVersionResponse {
        let version = try VersionWait.version(request.version, in: "version")
        let timeout =
            request.hasTimeoutSeconds
            ? try VersionWait.time(seconds: request.timeoutSeconds, in: "timeout_seconds")
            : VersionWait.timeDefault
        let visible = try await operations.waitForVersion(
            version, in: request.collectionName, within: timeout)
        return .with { $0.version = visible.rawValue }
    }

    func createCollection(
        _ request: Apus_V1_CreateCollectionRequest
    ) async throws -> Apus_V1_CreateCollectionResponse {
        let timer = CallTimer()
        try await operations.createCollection(
            request.collection.collectionName, NewCollection(request))
        return .with { $0.time = timer.seconds }
    }

    func getCollection(
        _ request: Apus_V1_GetCollectionRequest
    ) async throws -> Apus_V1_GetCollectionResponse {
        let timer = CallTimer()
        let info = try await operations.collectionInfo(request.collectionName)
        var answer = Apus_V1_GetCollectionResponse(CollectionDescription(info))
        answer.time = timer.seconds
        return answer
    }
}

extension Apus_V1_QueryRequest {
    /// Runs a query as the message says; what it does not say, the headers of the call do.
    fileprivate func applied<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await CallModels.saying(model, in: "model") { try await reading.applied(body) }
    }
}

extension Apus_V1_Reading {
    /// Runs a read as the message says; what it does not say, the headers of the call do.
    fileprivate func applied<Value>(_ body: () async throws -> Value) async throws -> Value {
        guard let current = CallReading.current else { return try await body() }
        let reading = try current.changed { (options) throws(DatabaseError) in
            if hasVersion, pin { throw .badRequest("`version` and `pin` exclude each other") }
            if hasVersion {
                options.version = .number(try VersionWait.version(version, in: "reading.version"))
            }
            if pin { options.version = .pin }
            if hasVersionAtLeast {
                options.versionAtLeast = try VersionWait.version(
                    versionAtLeast, in: "reading.version_at_least")
            }
            if hasWaitSeconds {
                options.waitTime = try VersionWait.time(
                    seconds: waitSeconds, in: "reading.wait_seconds")
            }
        }
        return try await CallReading.$current.withValue(reading, operation: body)
    }
}

extension Apus_V1_QueryRequest: TimedRequest {
    var hasTimeout: Bool { query.hasTimeout }
    var timeout: UInt64 { query.timeout }
}

extension Apus_V1_ExplainRequest: TimedRequest {
    var hasTimeout: Bool { query.hasTimeout }
    var timeout: UInt64 { query.timeout }
}
