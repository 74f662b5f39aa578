import ApusCore
import ApusWire

/// What the interface cannot say: why a query did what it did. The body is that of a query.
func addExplainRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    routes.on("POST", "/apus/v1/collections/{collection}/explain") { call in
        let request = try await json.read(call, RequestDecoder.query)
        let answer = try await operations.explain(
            request, comparing: call.query.compares, in: call.collection)
        return try await json.answer(call, points: answer.points.count) {
            ResponseEncoder.explainedQueryResult(answer, seconds: $0)
        }
    }
}
