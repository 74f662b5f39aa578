import Apus
import ApusCore
import ApusWire

/// Collections: create, change, drop, list, describe.
func addCollectionRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    routes.on("GET", "/collections") { call in
        let names = try await operations.collectionNames()
        return try await json.answer(call) { ResponseEncoder.collectionNames(names, seconds: $0) }
    }
    routes.on("GET", "/collections/{collection}") { call in
        let info = try await operations.collectionInfo(call.collection)
        let description = CollectionDescription(info)
        return try await json.answer(call) { ResponseEncoder.collection(description, seconds: $0) }
    }
    routes.on("PUT", "/collections/{collection}") { call in
        let new = try await json.read(call, RequestDecoder.createCollection)
        try await operations.createCollection(call.collection, new)
        return try await json.answer(call) { ResponseEncoder.bool(true, seconds: $0) }
    }
    routes.on("PATCH", "/collections/{collection}") { call in
        let change = try await json.read(call, RequestDecoder.updateCollection)
        try await operations.updateCollection(call.collection, change)
        return try await json.answer(call) { ResponseEncoder.bool(true, seconds: $0) }
    }
    routes.on("DELETE", "/collections/{collection}") { call in
        let existed = try await operations.deleteCollection(call.collection)
        return try await json.answer(call) { ResponseEncoder.bool(existed, seconds: $0) }
    }
    routes.on("GET", "/collections/{collection}/exists") { call in
        let exists = try await operations.collectionExists(call.collection)
        return try await json.answer(call) {
            ResponseEncoder.collectionExists(exists, seconds: $0)
        }
    }
    // Graphs grow all the time, a segment at a time: what waits is told, nothing is "running".
    routes.on("GET", "/collections/{collection}/optimizations") { call in
        let (waiting, info) = try await operations.indexing(of: call.collection)
        return try await json.answer(call) { seconds in
            ResponseEncoder.envelope(seconds) {
                $0.write([
                    "summary": [
                        "queued_optimizations": .integer(Int64(waiting.segments)),
                        "queued_segments": .integer(Int64(waiting.segments)),
                        "queued_points": .integer(Int64(waiting.rows)),
                        "idle_segments": .integer(
                            Int64(max(0, info.segmentsCount - waiting.segments))),
                    ],
                    "running": [],
                ])
            }
        }
    }
}

/// Aliases: other names under which a collection answers.
func addAliasRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    routes.on("GET", "/aliases") { call in
        let aliases = try await operations.aliases()
        return try await json.answer(call) { ResponseEncoder.aliases(aliases, seconds: $0) }
    }
    routes.on("GET", "/collections/{collection}/aliases") { call in
        let aliases = try await operations.aliases(of: call.collection)
        return try await json.answer(call) { ResponseEncoder.aliases(aliases, seconds: $0) }
    }
    routes.on("POST", "/collections/aliases") { call in
        let actions = try await json.read(call, RequestDecoder.changeAliases)
        try await operations.changeAliases(actions.map(AliasChange.init))
        return try await json.answer(call) { ResponseEncoder.bool(true, seconds: $0) }
    }
}
