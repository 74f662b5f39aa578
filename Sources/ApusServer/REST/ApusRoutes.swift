import ApusCore
import ApusWire

/// What the interface cannot say (docs/protocol.md, "apus.v1"), as gRPC has it in `ApusService`.
/// Collections with settings of ours are created and described as all others are.
func addApusRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    let root = "/apus/v1/collections/{collection}"
    // The body of both is that of a query.
    routes.on("POST", root + "/query") { call in
        let request = try await json.read(call, RequestDecoder.query)
        let answer = try await operations.read(.answer(request, in: call.collection))
        return try await json.answer(call, points: answer.points.count) {
            ResponseEncoder.queryAnswer(answer, seconds: $0)
        }
    }
    routes.on("POST", root + "/explain") { call in
        let request = try await json.read(call, RequestDecoder.query)
        let answer = try await operations.read(
            .explanation(
                request, comparing: call.query.compares, in: call.collection))
        return try await json.answer(call, points: answer.points.count) {
            ResponseEncoder.explainedQueryResult(answer, seconds: $0)
        }
    }
    routes.on("POST", root + "/segments/attach") { call in
        let request = try await json.read(call, RequestDecoder.attachSegments)
        let answer = try await operations.attachSegments(request, to: call.collection)
        return try await json.answer(call) { ResponseEncoder.attached(answer, seconds: $0) }
    }
    routes.on("GET", root + "/version") { call in
        let version = try await operations.waitForVersion(
            call.query.versionAtLeast ?? .zero, in: call.collection,
            within: call.query.waitTime ?? VersionWait.timeDefault)
        return try await json.answer(call) { ResponseEncoder.version(version, seconds: $0) }
    }
    routes.on("GET", root + "/card") { call in
        let (card, recall) = try await operations.card(of: call.collection)
        return try await json.answer(call) { ResponseEncoder.card(card, recall, seconds: $0) }
    }
    routes.on("PUT", root + "/card") { call in
        let card = try await operations.setCard(
            json.read(call, RequestDecoder.card), ifEmpty: call.query.ifEmpty, of: call.collection)
        return try await json.answer(call) { ResponseEncoder.card(card, seconds: $0) }
    }
    routes.on("DELETE", root + "/card") { call in
        let existed = try await operations.deleteCard(of: call.collection)
        return try await json.answer(call) { ResponseEncoder.bool(existed, seconds: $0) }
    }
}
