// What happens around every call: the key is checked, the call is counted, and one that reads may
// say how.

import ApusCore
import ApusWire
import GRPCCore

/// Refuses calls that do not carry the key, before their message is read.
struct KeyInterceptor: ServerInterceptor {
    let authorizer: Authorizer

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next:
            @Sendable (
                StreamingServerRequest<Input>, ServerContext
            ) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        try authorizer.authorize(
            apiKey: request.metadata.first("api-key"),
            authorization: request.metadata.first("authorization"))
        return try await next(request, context)
    }
}

/// Counts calls by method and by the number of their status in gRPC, and times them.
struct MetricsInterceptor: ServerInterceptor {
    let metrics: RequestMetrics

    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next:
            @Sendable (
                StreamingServerRequest<Input>, ServerContext
            ) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let start = ContinuousClock.now
        let response: StreamingServerResponse<Output>
        do {
            response = try await next(request, context)
        } catch {
            record(context, since: start, Self.status(of: error))
            throw error
        }
        switch response.accepted {
        case .success: record(context, since: start, 0)
        case .failure(let error): record(context, since: start, error.code.rawValue)
        }
        return response
    }

    private func record(
        _ context: ServerContext, since start: ContinuousClock.Instant, _ status: Int
    ) {
        let method = context.descriptor
        metrics.record(
            RequestMetrics.Key(
                door: "grpc", route: method.service.fullyQualifiedService, method: method.method,
                status: status),
            duration: ContinuousClock.now - start)
    }

    private static func status(of error: any Error) -> Int {
        switch error {
        case let error as RPCError: error.code.rawValue
        case let error as any RPCErrorConvertible: error.rpcErrorCode.rawValue
        default: RPCError.Code.unknown.rawValue
        }
    }
}

/// Lets a call say in headers how it reads: the version that it sees, the recall that it wants.
struct ReadingInterceptor: ServerInterceptor {
    func intercept<Input: Sendable, Output: Sendable>(
        request: StreamingServerRequest<Input>,
        context: ServerContext,
        next:
            @Sendable (
                StreamingServerRequest<Input>, ServerContext
            ) async throws -> StreamingServerResponse<Output>
    ) async throws -> StreamingServerResponse<Output> {
        let reading = try CallReading(header: request.metadata.first)
        var response = try await CallReading.$current.withValue(reading) {
            try await next(request, context)
        }
        for (name, value) in reading.answerHeaders {
            response.metadata.addString(value, forKey: name)
        }
        return response
    }
}

extension Metadata {
    fileprivate func first(_ key: String) -> String? {
        self[stringValues: key].first { _ in true }
    }
}
