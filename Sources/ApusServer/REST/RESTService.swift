import ApusCore
import ApusText
import ApusWire
package import Logging

/// Answers REST calls: finds the route, finds out who calls, runs the handler, turns errors into
/// answers and counts. No call gets past any of these, and none can fail otherwise.
package struct RESTService: Sendable {
    private let gate: CallGate
    private let metrics: RequestMetrics
    private let logger: Logger
    private let routes: RouteTable

    package init(
        operations: Operations, gate: CallGate, metrics: ServerMetrics,
        requestBodyBytesMax: Int, uploadBytesMax: Int = .max, logger: Logger
    ) {
        self.gate = gate
        self.metrics = metrics.requests
        self.logger = logger
        let json = JSONExchange(
            operations: operations, bodyBytesMax: requestBodyBytesMax,
            uploadBytesMax: uploadBytesMax)
        var routes = RouteTable()
        addServiceRoutes(to: &routes, operations, json, metrics)
        addCollectionRoutes(to: &routes, operations, json)
        addAliasRoutes(to: &routes, operations, json)
        addClusterRoutes(to: &routes, operations, json)
        addSchemaRoutes(to: &routes, operations, json)
        addPointRoutes(to: &routes, operations, json)
        addPointUpdateRoutes(to: &routes, operations, json)
        addQueryRoutes(to: &routes, operations, json)
        addAggregateRoutes(to: &routes, operations, json)
        addApusRoutes(to: &routes, operations, json)
        addStreamRoutes(to: &routes, operations, json)
        addSnapshotRoutes(to: &routes, operations, json)
        addDescriptionRoute(to: &routes)
        self.routes = routes
    }

    /// Every method of every route, for those who describe them.
    package var routeOperations: [(method: String, template: String, isOpen: Bool)] {
        routes.operations
    }

    package func answer(_ call: HTTPCall) async -> HTTPAnswer {
        let start = ContinuousClock.now
        let target = Target(call.target)
        var template = "unknown"
        var context: CallContext?
        var failed: DatabaseError.Kind?
        var answer: HTTPAnswer
        do {
            guard case .route(let route, let parameters) = routes.match(path: target.path) else {
                throw DatabaseError(.notFound, "Not found: no such path")
            }
            template = route.template
            let known = try await gate.begin(
                CallHead(
                    door: .rest, method: "\(knownMethod(call.method)) \(template)",
                    peer: call.peer, isOpen: route.isOpen, header: call.header))
            context = known
            // HEAD is GET whose body the door leaves out.
            let method = call.method == "HEAD" ? "GET" : call.method
            if let handler = route.handlers[method] {
                let query = try QueryParameters(target.query)
                let call = RESTCall(call, query: query, parameters: parameters, start: start)
                answer = try await CallContext.$current.withValue(known) {
                    try await InferredVectors.$current.withValue(InferredVectors()) {
                        try await run(handler, call)
                    }
                }
            } else if route.endsInItemName {
                throw DatabaseError(.notFound, "Not found: no such path")
            } else {
                answer = methodNotAllowed(call.method, route, start)
            }
        } catch {
            let error = databaseError(error)
            failed = error.kind
            answer = CallContext.$current.withValue(context) { failure(error, start) }
        }
        if let context {
            gate.end(context, status: answer.status, failure: failed.map { "\($0)" })
        }
        let duration = ContinuousClock.now - start
        metrics.record(
            RequestMetrics.Key(
                door: "rest", route: template, method: knownMethod(call.method),
                status: answer.status),
            duration: duration)
        CallContext.$current.withValue(context) {
            logger.debug(
                "request",
                metadata: [
                    "method": "\(call.method)", "route": "\(template)",
                    "status": "\(answer.status)", "seconds": "\(duration.seconds)",
                ])
        }
        return answer
    }

    /// Runs a handler; one that reads does so as the call's headers say.
    private func run(
        _ handler: RouteTable.Handler, _ call: RESTCall
    ) async throws -> HTTPAnswer {
        let reading = try CallReading(timeoutSeconds: call.query.timeoutSeconds) {
            call.http.header($0)
        }
        var answer = try await CallReading.$current.withValue(reading) {
            try await Interruption.within(seconds: call.query.timeoutSeconds) {
                try await handler(call)
            }
        }
        answer.headers += reading.answerHeaders
        return answer
    }

    private func methodNotAllowed(
        _ method: String, _ route: RouteTable.Route, _ start: ContinuousClock.Instant
    ) -> HTTPAnswer {
        var answer = HTTPAnswer.json(
            ResponseEncoder.error(
                DatabaseError(
                    .invalidArgument, "Method \(method) is not allowed here, only \(route.methods)"),
                seconds: start.secondsToNow),
            status: 405)
        answer.headers.append(("allow", route.methods))
        return answer
    }

    private func failure(
        _ error: DatabaseError, _ start: ContinuousClock.Instant
    ) -> HTTPAnswer {
        let status = ErrorStatus(error.kind).http
        if status >= 500 {
            logger.error(
                "request failed", metadata: ["kind": "\(error.kind)", "error": "\(error)"])
        }
        var answer = HTTPAnswer.json(
            ResponseEncoder.error(error, seconds: start.secondsToNow), status: status)
        if status == 429 || status == 503 { answer.headers.append(("retry-after", "1")) }
        if status == 401 { answer.headers.append(("www-authenticate", "Bearer")) }
        return answer
    }

    private func databaseError(_ error: any Error) -> DatabaseError {
        switch error {
        case let error as DatabaseError: error
        case let error as BodyTooLarge: DatabaseError(.invalidArgument, error.text)
        case is CancellationError:
            DatabaseError(.unavailable, "Service is stopping; the request was not finished")
        default: DatabaseError(.internalError, "Service internal error: \(error)")
        }
    }
}

extension BodyTooLarge {
    fileprivate var text: String {
        let size = announced.map { " (\($0) bytes)" } ?? ""
        return "Payload error: \(what)\(size) is larger than allowed (limit: \(limit) bytes)."
    }
}

/// The two parts of a request target that routing looks at.
private struct Target {
    let path: Substring
    let query: Substring

    /// Takes `/path?query#…` and the absolute form `http://host/path?query` of proxies.
    init(_ text: String) {
        var rest = text.prefix { $0 != "#" }
        if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...].drop { $0 != "/" && $0 != "?" }
        }
        let mark = rest.firstIndex(of: "?")
        path = rest[..<(mark ?? rest.endIndex)]
        query = mark.map { rest[$0...].dropFirst() } ?? ""
    }
}

/// Keeps the label's values few: methods that HTTP does not define count as one.
private func knownMethod(_ method: String) -> String {
    switch method {
    case "GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS": method
    default: "other"
    }
}
