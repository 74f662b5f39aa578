import ApusCore
import ApusPipeline
import ApusProto
import ApusWire
import Foundation
import GRPCCore
import SwiftProtobuf

/// A collection of a server, with a file here that says how far the source was read.
///
/// The file is written after the server acknowledged a change. A run that is killed between the two
/// makes the change again, which changes nothing: ids follow from the source, and the head of a
/// record's chunks, by which a run sees that the record is done, comes last.
struct RemotePipelineSink: PipelineSink {
    private let target: RemoteTarget
    private let file: URL
    /// Whether what the file says is about this collection: not when it was made just now.
    private let isKnown: Bool

    init(_ target: RemoteTarget, address: String, pipeline: String, isKnown: Bool) {
        self.target = target
        self.isKnown = isKnown
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? "/var/tmp"
        let state = environment["XDG_STATE_HOME"] ?? "\(home)/.local/state"
        let key = ChunkPoint.hash(of: [address, target.name, pipeline])
        file = URL(fileURLWithPath: "\(state)/apus/pipelines/\(key).position.json")
    }

    func position(of pipeline: String) async throws -> JSONValue? {
        guard isKnown, let data = try? Data(contentsOf: file) else { return nil }
        return try? JSONParser.value(in: [UInt8](data))
    }

    func points(_ ids: [PointID], withVectors: Bool) async throws -> [Record] {
        guard !ids.isEmpty else { return [] }
        var request = Qdrant_GetPoints()
        request.collectionName = target.name
        request.ids = ids.map { Qdrant_PointId($0) }
        request.withPayload.include.fields = [ChunkPoint.member]
        request.withVectors.enable = withVectors
        let answer: Qdrant_GetResponse = try await call("Get", request)
        return try answer.result.map { try Record($0) }
    }

    func ids(from start: PointID?, limit: Int) async throws -> [PointID] {
        var request = Qdrant_ScrollPoints()
        request.collectionName = target.name
        if let start { request.offset = Qdrant_PointId(start) }
        request.limit = UInt32(clamping: limit)
        request.withPayload.enable = false
        let answer: Qdrant_ScrollResponse = try await call("Scroll", request)
        return try answer.result.map { try PointID($0.id) }
    }

    func write(_ change: SinkChange) async throws {
        var request = Qdrant_UpdateBatchPoints()
        request.collectionName = target.name
        request.wait = true
        if !change.deletes.isEmpty {
            var operation = Qdrant_PointsUpdateOperation()
            operation.deletePoints.points.points.ids = change.deletes.map { Qdrant_PointId($0) }
            request.operations.append(operation)
        }
        let isHead = { (point: Point) in ChunkPoint(point.payload)?.chunk == 0 }
        for points in [change.upserts.filter { !isHead($0) }, change.upserts.filter(isHead)]
        where !points.isEmpty {
            var operation = Qdrant_PointsUpdateOperation()
            operation.upsert.points = points.map { Qdrant_PointStruct($0) }
            request.operations.append(operation)
        }
        if !request.operations.isEmpty {
            let _: Qdrant_UpdateBatchResponse = try await call("UpdateBatch", request)
        }
        do {
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(JSONText.bytes(of: change.position)).write(to: file, options: .atomic)
        } catch {
            throw StageError(.fatal, stage: "collection", "cannot write \(file.path): \(error)")
        }
    }

    private func call<Request: Message, Reply: Message>(
        _ method: String, _ request: Request
    ) async throws -> Reply {
        do {
            return try await target.call(RemoteTarget.points, method, request)
        } catch let error as RPCError {
            let mayPass = [.unavailable, .deadlineExceeded, .resourceExhausted, .aborted]
                .contains(error.code)
            throw StageError(
                mayPass ? .transient(after: nil) : .fatal, stage: "collection",
                Failure.text(of: error))
        }
    }
}

extension RemoteTarget {
    /// Up to `limit` points with all that they have, in the order of their ids.
    func records(from start: PointID?, limit: Int) async throws -> [Record] {
        var request = Qdrant_ScrollPoints()
        request.collectionName = name
        if let start { request.offset = Qdrant_PointId(start) }
        request.limit = UInt32(clamping: limit)
        request.withPayload.enable = true
        request.withVectors.enable = true
        let answer: Qdrant_ScrollResponse = try await call(Self.points, "Scroll", request)
        return try answer.result.map { try Record($0) }
    }
}

extension Qdrant_PointStruct {
    init(_ point: Point) {
        self.init()
        id = Qdrant_PointId(point.id)
        vectors = Qdrant_Vectors(point.vectors)
        payload = Qdrant_Value.fields(point.payload)
    }
}

extension Record {
    init(_ message: Qdrant_RetrievedPoint) throws {
        self.init(id: try PointID(message.id))
        payload = Payload(message.payload)
        guard message.hasVectors else { return }
        switch message.vectors.vectorsOptions {
        case .vector(let vector)?: vectors = [defaultVectorName: Vector(vector)]
        case .vectors(let named)?: vectors = named.vectors.mapValues { Vector($0) }
        case nil: vectors = [:]
        }
    }
}

extension Vector {
    /// The newer form, or the older fields of servers that do not fill it.
    init(_ message: Qdrant_VectorOutput) {
        switch message.vector {
        case .dense(let dense)?: self = .dense(dense.data)
        case .sparse(let sparse)?: self = .sparse(SparseVector(sparse))
        case .multiDense(let multi)?: self = .multi(multi.vectors.map(\.data))
        case nil:
            if message.hasIndices {
                self = .sparse(SparseVector(indices: message.indices.data, values: message.data))
            } else {
                self = .dense(message.data)
            }
        }
    }
}
