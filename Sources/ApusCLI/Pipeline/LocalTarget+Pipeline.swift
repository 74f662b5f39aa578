import Apus
import ApusCore
import ApusPipeline

/// The points of a change and the source's position are one record of the collection's log, so that
/// both survive or neither does.
extension LocalTarget: PipelineSink {
    func position(of pipeline: String) async throws -> JSONValue? {
        let positions = try database.collection(name).sourcePositions()
        guard let bytes = positions.values[SourcePositions.key(ofPipeline: pipeline)] else {
            return nil
        }
        return try? JSONParser.value(in: bytes)
    }

    func points(_ ids: [PointID], withVectors: Bool) async throws -> [Record] {
        guard !ids.isEmpty else { return [] }
        return try await Self.translating {
            try await database.collection(name).retrieve(
                ids, withPayload: Self.payload, withVectors: withVectors ? .all : .none)
        }
    }

    func ids(from start: PointID?, limit: Int) async throws -> [PointID] {
        try await Self.translating {
            try await database.collection(name).scroll(
                ScrollRequest(offset: start, limit: limit, withPayload: .none)
            ).points.map(\.id)
        }
    }

    func write(_ change: SinkChange) async throws {
        var operations: [WriteOperation] = []
        if !change.deletes.isEmpty { operations.append(.delete(.ids(change.deletes))) }
        if !change.upserts.isEmpty { operations.append(.upsert(change.upserts)) }
        let positions = SourcePositions([
            SourcePositions.key(ofPipeline: change.pipeline): JSONText.bytes(of: change.position)
        ])
        let all = operations
        try await Self.translating {
            _ = try await database.collection(name).write(all, positions: positions)
        }
    }

    private static let payload = PayloadSelector.include([PayloadPath(key: ChunkPoint.member)])

    private static func translating<Value: Sendable>(
        _ body: () async throws -> Value
    ) async throws -> Value {
        do { return try await body() } catch let error as DatabaseError {
            let mayPass =
                switch error.kind {
                case .resourceExhausted, .outOfSpace, .outOfMemory, .timeout: true
                default: false
                }
            throw StageError(
                mayPass ? .transient(after: nil) : .fatal, stage: "collection", error.message)
        }
    }
}
