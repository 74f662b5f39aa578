import Apus
import ApusCore
import ApusWire

/// Snapshots of collections and of the whole database: create, list, delete, download, upload,
/// recover.
func addSnapshotRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    addSnapshotRoutes(to: &routes, at: "/collections/{collection}/snapshots", operations, json) {
        (call) throws(DatabaseError) in try call.collection
    }
    addSnapshotRoutes(to: &routes, at: "/snapshots", operations, json) {
        (_) throws(DatabaseError) in nil
    }
    addRecoveryRoutes(to: &routes, at: "/collections/{collection}/snapshots", operations, json) {
        (call) throws(DatabaseError) in try call.collection
    }
    // The one shard of a collection is the collection.
    let shard = "/collections/{collection}/shards/{shard}/snapshots"
    addSnapshotRoutes(to: &routes, at: shard, operations, json) {
        (call) throws(DatabaseError) in try call.collectionOfShard
    }
    addRecoveryRoutes(to: &routes, at: shard, operations, json) {
        (call) throws(DatabaseError) in try call.collectionOfShard
    }
}

extension RESTCall {
    fileprivate var collectionOfShard: String {
        get throws(DatabaseError) {
            let shard = try parameter("shard")
            guard shard == "0" else {
                throw DatabaseError(
                    .notFound,
                    "Not found: Shard \(shard) doesn't exist: each collection here is shard 0")
            }
            return try collection
        }
    }
}

/// Taking over a snapshot: what comes as a file, and what lies here already.
private func addRecoveryRoutes(
    to routes: inout RouteTable, at path: String, _ operations: Operations, _ json: JSONExchange,
    owner: @escaping @Sendable (RESTCall) throws(DatabaseError) -> String
) {
    routes.on("POST", "\(path)/upload") { call in
        let collection = try owner(call)
        let upload = try await receive(call, for: collection, operations, json.uploadBytesMax)
        let checksum = call.query.checksum
        return try await perform(call, json) {
            try await operations.recover(collection, from: upload, checksum: checksum)
        }
    }
    routes.on("PUT", "\(path)/recover") { call in
        let collection = try owner(call)
        let recovery = try await json.read(call, RequestDecoder.recoverSnapshot)
        return try await perform(call, json) {
            try await operations.recover(collection, from: recovery)
        }
    }
}

/// What both kinds of snapshots have; `owner` is the collection, or nil for all.
private func addSnapshotRoutes(
    to routes: inout RouteTable, at path: String, _ operations: Operations, _ json: JSONExchange,
    owner: @escaping @Sendable (RESTCall) throws(DatabaseError) -> String?
) {
    routes.on("GET", path) { call in
        let snapshots = try await operations.snapshots(of: try owner(call))
        return try await json.answer(call) { ResponseEncoder.snapshots(snapshots, seconds: $0) }
    }
    routes.on("POST", path) { call in
        let collection = try owner(call)
        if call.query.doesNotWait {
            return try await perform(call, json) {
                _ = try await operations.createSnapshot(of: collection)
            }
        }
        let snapshot = try await operations.createSnapshot(of: collection)
        return try await json.answer(call) { ResponseEncoder.snapshot(snapshot, seconds: $0) }
    }
    routes.on("GET", "\(path)/{snapshot}") { call in
        let download = try await operations.download(
            try call.parameter("snapshot"), of: try owner(call))
        var answer = HTTPAnswer(status: 200, contentType: "application/octet-stream", body: [])
        answer.headers = [
            ("content-disposition", "attachment; filename=\"\(download.description.name)\"")
        ]
        answer.stream = BodyStream(byteCount: Int(download.description.byteCount)) {
            try await operations.database.perform { try download.next() }
        }
        return answer
    }
    routes.on("DELETE", "\(path)/{snapshot}") { call in
        let name = try call.parameter("snapshot")
        let collection = try owner(call)
        return try await perform(call, json) {
            try await operations.deleteSnapshot(name, of: collection)
        }
    }
}

/// Does the work and answers true; with `wait=false` answers at once, and the work goes on.
private func perform(
    _ call: RESTCall, _ json: JSONExchange, _ work: @escaping @Sendable () async throws -> Void
) async throws -> HTTPAnswer {
    guard call.query.doesNotWait else {
        try await work()
        return try await json.answer(call) { ResponseEncoder.bool(true, seconds: $0) }
    }
    // The engine waits for its own threads when it closes; who asked not to wait learns no more.
    // The task is the caller's, with the caller's permissions.
    Task { try? await work() }
    return .json(ResponseEncoder.accepted(seconds: call.start.secondsToNow), status: 202)
}

/// Writes the file in the form field `snapshot` of a multipart body beside the database, as it
/// comes in, up to `limit` bytes.
private func receive(
    _ call: RESTCall, for collection: String, _ operations: Operations, _ limit: Int
) async throws -> SnapshotUpload {
    guard let type = call.http.header("content-type"),
        let boundary = MultipartBoundary(contentType: type)
    else {
        throw DatabaseError(
            .invalidArgument,
            "Payload error: expected multipart/form-data with the file in the field `snapshot`")
    }
    if let announced = call.http.header("content-length").flatMap({ Int($0) }), announced > limit {
        throw BodyTooLarge(limit: limit, announced: announced, what: "snapshot")
    }
    let upload = try await operations.makeUpload(for: collection)
    let form = FormFile(field: "snapshot", boundary: boundary)
    try await call.http.pieces { piece in
        let content = try await form.take(piece)
        guard !content.isEmpty else { return }
        guard upload.byteCount + UInt64(content.count) <= UInt64(limit) else {
            throw BodyTooLarge(limit: limit, announced: nil, what: "snapshot")
        }
        try await operations.database.perform { try upload.append(content) }
    }
    guard await form.isComplete else {
        throw DatabaseError(
            .invalidArgument,
            "Payload error: the form has no whole file in the field `snapshot`")
    }
    return upload
}
