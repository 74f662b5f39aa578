import ApusCore
import ApusWire

/// What the interface says about clusters, of a server that runs alone: each collection is one shard,
/// number 0, which is here and active; nothing can be moved.
func addClusterRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    routes.on("GET", "/cluster") { call in
        try await json.answer(call) { ResponseEncoder.clusterDisabled(seconds: $0) }
    }
    routes.on("GET", "/cluster/telemetry") { call in
        try await json.answer(call) { seconds in
            ResponseEncoder.envelope(seconds) {
                $0.write(["collections": [:], "cluster": ["enabled": false, "peers": [:]]])
            }
        }
    }
    routes.on("GET", "/collections/{collection}/cluster") { call in
        let info = try await operations.collectionInfo(call.collection)
        return try await json.answer(call) { seconds in
            ResponseEncoder.envelope(seconds) {
                $0.write([
                    "peer_id": 0,
                    "shard_count": 1,
                    "local_shards": [
                        [
                            "shard_id": 0, "points_count": .integer(Int64(info.pointsCount)),
                            "state": "Active",
                        ]
                    ],
                    "remote_shards": [],
                    "shard_transfers": [],
                ])
            }
        }
    }
    routes.on("GET", "/collections/{collection}/shards") { call in
        _ = try await operations.collectionInfo(call.collection)
        return try await json.answer(call) { seconds in
            ResponseEncoder.envelope(seconds) { $0.write(["shard_keys": []]) }
        }
    }
    for (method, path) in [
        ("POST", "/cluster/recover"), ("DELETE", "/cluster/peer/{peer}"),
        ("POST", "/collections/{collection}/cluster"),
        ("PUT", "/collections/{collection}/shards"),
        ("POST", "/collections/{collection}/shards/delete"),
    ] {
        routes.on(method, path) { _ in throw DatabaseError.needsCluster("\(method) \(path)") }
    }
}

extension DatabaseError {
    /// What moves, copies or names shards.
    static func needsCluster(_ method: String) -> DatabaseError {
        DatabaseError(.unimplemented, "\(method) needs a cluster, and this server runs alone")
    }
}
