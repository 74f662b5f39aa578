import ApusCore
import ApusWire

/// Searches, in the present form of the interface and in the older one.
///
/// The older form, which many clients still send, has another body, and its answer is the bare
/// list of points.
func addQueryRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    let root = "/collections/{collection}/points"
    routes.on("POST", root + "/query") { call in
        let request = try await json.read(call, RequestDecoder.query)
        let points = try await operations.query(request, in: call.collection)
        return try await json.answer(call, points: points.count) {
            ResponseEncoder.queryResult(points, seconds: $0)
        }
    }
    routes.on("POST", root + "/search") { call in
        let request = try await json.read(call, RequestDecoder.search)
        let points = try await operations.query(request, in: call.collection)
        return try await json.answer(call, points: points.count) {
            ResponseEncoder.searchResult(points, seconds: $0)
        }
    }
    routes.on("POST", root + "/query/batch") { call in
        let requests = try await json.read(call, RequestDecoder.queryBatch)
        let results = try await operations.query(requests, in: call.collection)
        return try await json.answer(call, points: results.joined().count) {
            ResponseEncoder.queryBatchResult(results, seconds: $0)
        }
    }
    routes.on("POST", root + "/search/batch") { call in
        let requests = try await json.read(call, RequestDecoder.searchBatch)
        let results = try await operations.query(requests, in: call.collection)
        return try await json.answer(call, points: results.joined().count) {
            ResponseEncoder.searchBatchResult(results, seconds: $0)
        }
    }
    for (path, decode) in [
        ("/query/groups", RequestDecoder.queryGroups),
        ("/search/groups", RequestDecoder.searchGroups),
    ] {
        routes.on("POST", root + path) { call in
            let request = try await json.read(call, decode)
            let groups = try await operations.groups(request, in: call.collection)
            let points = groups.reduce(0) { $0 + $1.hits.count }
            return try await json.answer(call, points: points) {
                ResponseEncoder.groupsResult(groups, seconds: $0)
            }
        }
    }
}
