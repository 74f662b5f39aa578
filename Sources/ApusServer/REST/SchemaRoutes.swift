import Apus
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
    routes.on("PUT", vectors) { call in
        let field = try await json.read(call, RequestDecoder.createVectorField)
        let result = try await operations.createVectorField(
            VectorField(field), named: call.parameter("name"), in: call.collection)
        return try await json.answer(call) { ResponseEncoder.updateResult(result, seconds: $0) }
    }
    routes.on("DELETE", vectors) { call in
        let result = try await operations.dropVectorField(
            call.parameter("name"), in: call.collection)
        return try await json.answer(call) { ResponseEncoder.updateResult(result, seconds: $0) }
    }
}
