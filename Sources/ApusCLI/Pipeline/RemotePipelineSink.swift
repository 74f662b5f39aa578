import ApusCore
import ApusPipeline
import ApusProto
import ApusWire
import Foundation
import GRPCCore
import SwiftProtobuf
import Synchronization

/// A collection of a server, which keeps the source's position in the record of its log that has the
/// points (docs/adr/0045): a run goes on from any machine.
///
/// Each change is a short bulk upsert. The answer to its start says what position the server has:
/// that of this change where an answer was lost, that of the change before, or another one where
/// somebody else has written. So a change is made exactly once, and a second run finds out.
///
/// A batch whose connection broke may wait at the server for room, and be written only after the
/// start of the next try: then that one is refused, and the position tells which of the three it is.
final class RemotePipelineSink: PipelineSink {
    private struct State {
        /// The position's text as the server is expected to have it; nil: not asked yet.
        var known: String?
        /// Where a program before this one kept the position; nil: there is nothing left of it.
        var file: URL?
    }

    private static let changeMember = "change"

    private let target: RemoteTarget
    private let address: String
    private let state: Mutex<State>

    /// - Parameter isNew: the collection was made just now, so nothing of before is about it.
    init(_ target: RemoteTarget, address: String, pipeline: String, isNew: Bool) {
        self.target = target
        self.address = address
        let file = Self.file(address, target.name, pipeline)
        if isNew { try? FileManager.default.removeItem(at: file) }
        let isThere = FileManager.default.fileExists(atPath: file.path)
        state = Mutex(State(file: isThere ? file : nil))
    }

    /// Where the position was kept when servers did not.
    private static func file(_ address: String, _ collection: String, _ pipeline: String) -> URL {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? "/var/tmp"
        let state = environment["XDG_STATE_HOME"] ?? "\(home)/.local/state"
        let key = ChunkPoint.hash(of: [address, collection, pipeline])
        return URL(fileURLWithPath: "\(state)/apus/pipelines/\(key).position.json")
    }

    func position(of pipeline: String) async throws -> JSONValue? {
        let text: String
        do {
            text = try await target.position(of: pipeline)
        } catch let error as RPCError where error.code == .unimplemented {
            throw tooOld
        } catch let error as RPCError {
            throw Self.stageError(error)
        }
        let file = state.withLock { state in
            state.known = text
            return state.file
        }
        guard text.isEmpty else {
            removeFile()
            return try? JSONParser.value(in: Array(text.utf8))
        }
        guard let file, let data = try? Data(contentsOf: file) else { return nil }
        StandardError.write(
            line: "the position in \(file.path) goes to the server, which keeps it from now on")
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

    /// How far the bulk upsert of a change is.
    private enum Progress {
        case asked
        case sent
        case done
    }

    func write(_ change: SinkChange) async throws {
        let text = Self.text(of: change)
        var start = Apus_V1_UpsertRequest()
        start.start.collectionName = target.name
        start.start.pipeline = RemoteTarget.positionName(of: change.pipeline)
        let end: Progress
        do {
            end = try await target.converse(
                RemoteTarget.apus, "UpsertStream", start, from: Progress.asked
            ) { [self] (answer: Apus_V1_UpsertResponse, progress) in
                guard progress == .asked else {
                    progress = .done
                    return nil
                }
                guard answer.hasPipeline else { throw tooOld }
                let position = answer.pipeline.position
                if position == text {
                    progress = .done
                    return nil
                }
                // A run that starts over takes any, once.
                let isKnown = state.withLock { state in
                    if state.known == nil { state.known = position }
                    return state.known == position
                }
                guard isKnown else { throw movedByAnother(change.pipeline) }
                progress = .sent
                return Self.batch(change, position: text)
            }
        } catch let error as RPCError where error.code == .failedPrecondition {
            end = try await progress(after: error, of: change.pipeline, position: text)
        } catch let error as RPCError {
            throw Self.stageError(error)
        }
        guard end == .done else {
            throw StageError(
                .transient(after: nil), stage: "collection", "the server ended a bulk upsert early")
        }
        state.withLock { $0.known = text }
        removeFile()
    }

    /// After a refusal for the state of the collection: `.done` where an earlier try of the change is
    /// what the position comes from. Throws what else was the reason.
    private func progress(
        after refusal: RPCError, of pipeline: String, position text: String
    ) async throws -> Progress {
        let position: String
        do {
            position = try await target.position(of: pipeline)
        } catch let error as RPCError {
            throw Self.stageError(error)
        }
        if position == text { return .done }
        guard let known = state.withLock({ $0.known }), known != position else {
            throw Self.stageError(refusal)
        }
        throw movedByAnother(pipeline)
    }

    private func movedByAnother(_ pipeline: String) -> StageError {
        StageError(
            .fatal, stage: "collection",
            "another run of pipeline \(pipeline) has written to collection '\(target.name)' "
                + "meanwhile, or its position was deleted; run it again to go on from there")
    }

    /// The server has a position: that of the file is over, and must not come back.
    private func removeFile() {
        let file = state.withLock { state in
            defer { state.file = nil }
            return state.file
        }
        if let file { try? FileManager.default.removeItem(at: file) }
    }

    /// The position with what tells the change from every other one.
    private static func text(of change: SinkChange) -> String {
        var position = change.position
        if case .object(var members) = position {
            members[changeMember] = .string(String(change.id, radix: 16))
            position = .object(members)
        }
        return String(decoding: JSONText.bytes(of: position), as: UTF8.self)
    }

    private static func batch(
        _ change: SinkChange, position: String
    ) -> Apus_V1_UpsertRequest {
        var request = Apus_V1_UpsertRequest()
        request.batch = Apus_V1_UpsertBatch(points: change.upserts)
        request.batch.sequence = 1
        request.batch.deletes = change.deletes.map { Qdrant_PointId($0) }
        request.batch.position = position
        return request
    }

    private func call<Request: Message, Reply: Message>(
        _ method: String, _ request: Request
    ) async throws -> Reply {
        do {
            return try await target.call(RemoteTarget.points, method, request)
        } catch let error as RPCError {
            throw Self.stageError(error)
        }
    }

    private var tooOld: StageError {
        StageError(
            .fatal, stage: "collection",
            "the server at \(address) does not keep positions of pipelines: it is older than this "
                + "program, bring it up to date")
    }

    private static func stageError(_ error: RPCError) -> StageError {
        let mayPass = [.unavailable, .deadlineExceeded, .resourceExhausted, .aborted]
            .contains(error.code)
        return StageError(
            mayPass ? .transient(after: nil) : .fatal, stage: "collection",
            Failure.text(of: error))
    }
}

extension RemoteTarget {
    /// The name that a server knows a pipeline by, which has a bound. Imports name their sources.
    static func positionName(of pipeline: String) -> String {
        pipeline.utf8.count <= 255 ? pipeline : ChunkPoint.hash(of: [pipeline])
    }

    /// How far a pipeline has read, as it wrote it itself; empty: it has not.
    func position(of pipeline: String) async throws -> String {
        var request = Apus_V1_GetPositionRequest()
        request.collectionName = name
        request.pipeline = Self.positionName(of: pipeline)
        let answer: Apus_V1_GetPositionResponse = try await call(
            Self.apus, "GetPosition", request)
        return answer.position.position
    }

    /// That of every pipeline of the collection.
    func positions() async throws -> [PipelinePosition] {
        var request = Apus_V1_ListPositionsRequest()
        request.collectionName = name
        let answer: Apus_V1_ListPositionsResponse = try await call(
            Self.apus, "ListPositions", request)
        return answer.positions.map { PipelinePosition($0) }
    }

    /// Whether there was one.
    func deletePosition(of pipeline: String) async throws -> Bool {
        var request = Apus_V1_DeletePositionRequest()
        request.collectionName = name
        request.pipeline = Self.positionName(of: pipeline)
        let answer: Apus_V1_DeletePositionResponse = try await call(
            Self.apus, "DeletePosition", request)
        return answer.existed
    }

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
