import ApusCore
import ApusWire

/// Points, writing: each route is one operation of a batch, and `/points/batch` takes several.
func addPointUpdateRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    typealias Decode = @Sendable (RawSpan) throws(DatabaseError) -> WriteOperation
    let root = "/collections/{collection}/points"
    let single: [(method: String, path: String, decode: Decode)] = [
        ("PUT", "", RequestDecoder.upsert),
        ("POST", "/delete", RequestDecoder.deletePoints),
        ("PUT", "/vectors", RequestDecoder.updateVectors),
        ("POST", "/vectors/delete", RequestDecoder.deleteVectors),
        ("POST", "/payload", RequestDecoder.setPayload),
        ("PUT", "/payload", RequestDecoder.overwritePayload),
        ("POST", "/payload/delete", RequestDecoder.deletePayload),
        ("POST", "/payload/clear", RequestDecoder.clearPayload),
    ]
    for route in single {
        routes.on(route.method, root + route.path) { call in
            let operation = try await json.read(call, route.decode)
            let result = try await operations.write(
                operation, to: call.collection, wait: call.query.wait)
            return try await json.answer(call) {
                ResponseEncoder.updateResult(result, seconds: $0)
            }
        }
    }
    routes.on("POST", root + "/batch") { call in
        let batch = try await json.read(call, RequestDecoder.batch)
        let results = try await operations.write(
            batch, to: call.collection, wait: call.query.wait)
        return try await json.answer(call) { ResponseEncoder.updateResults(results, seconds: $0) }
    }
}
