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
        let points = try await operations.read(.points(request, in: call.collection))
        return try await json.answer(call, points: points.count) {
            ResponseEncoder.queryResult(points, seconds: $0)
        }
    }
    for (path, decode) in [
        ("/search", RequestDecoder.search), ("/recommend", RequestDecoder.recommend),
        ("/discover", RequestDecoder.discover),
    ] {
        routes.on("POST", root + path) { call in
            let request = try await json.read(call, decode)
            let points = try await operations.read(.points(request, in: call.collection))
            return try await json.answer(call, points: points.count) {
                ResponseEncoder.searchResult(points, seconds: $0)
            }
        }
    }
    routes.on("POST", root + "/query/batch") { call in
        let requests = try await json.read(call, RequestDecoder.queryBatch)
        let results = try await operations.read(.points(requests, in: call.collection))
        return try await json.answer(call, points: results.joined().count) {
            ResponseEncoder.queryBatchResult(results, seconds: $0)
        }
    }
    for (path, decode) in [
        ("/search/batch", RequestDecoder.searchBatch),
        ("/recommend/batch", RequestDecoder.recommendBatch),
        ("/discover/batch", RequestDecoder.discoverBatch),
    ] {
        routes.on("POST", root + path) { call in
            let requests = try await json.read(call, decode)
            let results = try await operations.read(.points(requests, in: call.collection))
            return try await json.answer(call, points: results.joined().count) {
                ResponseEncoder.searchBatchResult(results, seconds: $0)
            }
        }
    }
    for (path, decode) in [
        ("/query/groups", RequestDecoder.queryGroups),
        ("/search/groups", RequestDecoder.searchGroups),
        ("/recommend/groups", RequestDecoder.recommendGroups),
    ] {
        routes.on("POST", root + path) { call in
            let request = try await json.read(call, decode)
            let groups = try await operations.read(.groups(request, in: call.collection))
            let points = groups.reduce(0) { $0 + $1.hits.count }
            return try await json.answer(call, points: points) {
                ResponseEncoder.groupsResult(groups, seconds: $0)
            }
        }
    }
}

/// Answers about many points together: facets and distance matrices.
func addAggregateRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    let root = "/collections/{collection}"
    routes.on("POST", root + "/facet") { call in
        let request = try await json.read(call, RequestDecoder.facets)
        let hits = try await operations.read(.facets(request, in: call.collection))
        return try await json.answer(call) { ResponseEncoder.facets(hits, seconds: $0) }
    }
    routes.on("POST", root + "/points/search/matrix/pairs") { call in
        let request = try await json.read(call, RequestDecoder.matrix)
        let matrix = try await operations.read(.matrix(request, in: call.collection))
        return try await json.answer(call) { ResponseEncoder.matrixPairs(matrix, seconds: $0) }
    }
    routes.on("POST", root + "/points/search/matrix/offsets") { call in
        let request = try await json.read(call, RequestDecoder.matrix)
        let matrix = try await operations.read(.matrix(request, in: call.collection))
        return try await json.answer(call) { ResponseEncoder.matrixOffsets(matrix, seconds: $0) }
    }
}
