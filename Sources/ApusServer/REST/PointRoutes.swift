import ApusCore
import ApusWire

/// Points by id or in order: retrieve, scroll, count.
func addPointRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    let root = "/collections/{collection}/points"
    routes.on("GET", root + "/{id}") { call in
        let id = try PointID(pathComponent: call.parameter("id"))
        let records = try await operations.read(
            .records(
                [id], withPayload: .all, withVectors: .all, in: call.collection))
        guard let record = records.first else { throw DatabaseError.pointNotFound(id) }
        return try await json.answer(call) { ResponseEncoder.record(record, seconds: $0) }
    }
    routes.on("POST", root) { call in
        let request = try await json.read(call, RequestDecoder.retrieve)
        let records = try await operations.read(
            .records(
                request.ids, withPayload: request.withPayload, withVectors: request.withVectors,
                in: call.collection))
        return try await json.answer(call, points: records.count) {
            ResponseEncoder.records(records, seconds: $0)
        }
    }
    routes.on("POST", root + "/scroll") { call in
        let request = try await json.read(call, RequestDecoder.scroll)
        let page = try await operations.read(.page(request, in: call.collection))
        return try await json.answer(call, points: page.points.count) {
            ResponseEncoder.scrollPage(
                page, tellsVersion: request.version != .latest, seconds: $0)
        }
    }
    routes.on("POST", root + "/count") { call in
        let request = try await json.read(call, RequestDecoder.count)
        let count = try await operations.read(
            .count(
                request.filter, exact: request.exact, in: call.collection))
        return try await json.answer(call) { ResponseEncoder.count(count, seconds: $0) }
    }
}
