import ApusCore
import ApusWire

/// Payload indexes, and vector fields of a collection that exists already.
func addSchemaRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    routes.on("PUT", "/collections/{collection}/index") { call in
        let request = try await json.read(call, RequestDecoder.createFieldIndex)
        let result = try await operations.createPayloadIndex(
            on: request.field, request.schema, in: call.collection)
        return try await json.answer(call) { ResponseEncoder.updateResult(result, seconds: $0) }
    }
    routes.on("DELETE", "/collections/{collection}/index/{field}") { call in
        let text = try call.parameter("field")
        guard let field = PayloadPath(text) else {
            throw DatabaseError.wrongInput("`\(text)` is not a payload path")
        }
        let result = try await operations.dropPayloadIndex(on: field, in: call.collection)
        return try await json.answer(call) { ResponseEncoder.updateResult(result, seconds: $0) }
    }
    let vectors = "/collections/{collection}/vectors/{name}"
    for method in ["PUT", "DELETE"] {
        routes.on(method, vectors) { call in
            throw DatabaseError(
                .unimplemented,
                "Not supported: changing the vector fields of collection `\(try call.collection)`; "
                    + "vector `\(try call.parameter("name"))` can be given when it is created")
        }
    }
}
