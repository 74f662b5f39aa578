import ApusCore
import ApusPipeline
import Synchronization

/// A collection as a dictionary, which takes points and position together. Can be told to fail: a
/// write then does nothing at all, as a batch of the log that a crash cut off.
final class MemoryCollection: PipelineSink {
    struct State {
        var points: [PointID: Point] = [:]
        var positions: [String: JSONValue] = [:]
        var writes = 0
        /// Of all calls for points.
        var idsAskedMost = 0
        /// The write with this number fails, and so do all behind it.
        var failsAt = Int.max
        var failure = StageError(.fatal, stage: "collection", "killed")
    }

    let state = Mutex(State())

    func position(of pipeline: String) async throws -> JSONValue? {
        state.withLock { $0.positions[pipeline] }
    }

    func points(_ ids: [PointID], withVectors: Bool) async throws -> [Record] {
        state.withLock { state in
            state.idsAskedMost = max(state.idsAskedMost, ids.count)
            return ids.compactMap { id in
                state.points[id].map {
                    Record(id: id, payload: $0.payload, vectors: withVectors ? $0.vectors : nil)
                }
            }
        }
    }

    func ids(from start: PointID?, limit: Int) async throws -> [PointID] {
        state.withLock { state in
            Array(
                state.points.keys.filter { id in start.map { id >= $0 } ?? true }
                    .sorted().prefix(limit))
        }
    }

    func write(_ change: SinkChange) async throws {
        try state.withLock { state in
            guard state.writes < state.failsAt else { throw state.failure }
            state.writes += 1
            for id in change.deletes { state.points[id] = nil }
            for point in change.upserts { state.points[point.id] = point }
            state.positions[change.pipeline] = change.position
        }
    }

    var count: Int { state.withLock { $0.points.count } }

    /// The texts of the chunks of each key, in order.
    var texts: [String: [String]] {
        let chunks = state.withLock { state in
            state.points.values.compactMap { point -> (ChunkPoint, String)? in
                guard let chunk = ChunkPoint(point.payload) else { return nil }
                return (chunk, point.payload["text"]?.plainText ?? "")
            }
        }
        return Dictionary(grouping: chunks, by: { $0.0.key }).mapValues { chunks in
            chunks.sorted { $0.0.chunk < $1.0.chunk }.map { $0.1 }
        }
    }
}

/// Records in memory. A position is the number of records before it; in passes, which begin anew at
/// the end, that of the end is null.
final class ListOrigin: RecordOrigin {
    let records: Mutex<[SourceRecord]>
    let showsAll: Bool
    let isInPasses: Bool
    /// How often the source breaks, each time after so many records.
    let breaks = Mutex<[Int]>([])
    let opened = Mutex(0)
    let openedForKeys = Mutex(0)
    /// Whether only its keys are shown.
    let heldBack = Mutex(false)

    init(_ records: [SourceRecord], showsAll: Bool = false, isInPasses: Bool = false) {
        self.records = Mutex(records)
        self.isInPasses = isInPasses
        self.showsAll = showsAll
    }

    convenience init(
        texts: [(String, String)], showsAll: Bool = false, isInPasses: Bool = false
    ) {
        self.init(
            texts.map { Self.record($0.0, $0.1) }, showsAll: showsAll, isInPasses: isInPasses)
    }

    static func record(_ key: String, _ text: String) -> SourceRecord {
        SourceRecord(
            key: key, place: "record \(key)",
            change: .put(RecordContent(fields: ["text": .string(text)])))
    }

    var identity: String { "list" }

    func openKeys() async throws -> any RecordSource {
        openedForKeys.withLock { $0 += 1 }
        return ListSource(self, at: 0, keysOnly: true)
    }

    func open(at position: JSONValue?) async throws -> any RecordSource {
        opened.withLock { $0 += 1 }
        guard case .integer(let start)? = position else { return ListSource(self, at: 0) }
        return ListSource(self, at: Int(start))
    }
}

private actor ListSource: RecordSource {
    private let origin: ListOrigin
    private var next: Int
    private let keysOnly: Bool
    private var hasToldEnd = false

    init(_ origin: ListOrigin, at start: Int, keysOnly: Bool = false) {
        self.origin = origin
        self.keysOnly = keysOnly
        next = start
    }

    func next(_ limit: ReadLimit) throws -> SourceBatch? {
        let isBroken = origin.breaks.withLock { breaks in
            guard let first = breaks.first, first <= next else { return false }
            breaks.removeFirst()
            return true
        }
        if isBroken {
            throw StageError(.transient(after: nil), stage: "source", "connection lost")
        }
        if !keysOnly, origin.heldBack.withLock({ $0 }) { return nil }
        let records = origin.records.withLock { $0[min(next, $0.count)...].prefix(limit.records) }
        guard !records.isEmpty else {
            guard origin.isInPasses, !hasToldEnd else {
                if origin.isInPasses { (next, hasToldEnd) = (0, false) }
                return nil
            }
            hasToldEnd = true
            return SourceBatch(records: [], position: .null)
        }
        next += records.count
        return SourceBatch(records: Array(records), position: .integer(Int64(next)))
    }

    func close() {}
}

/// Counts the letters of texts; can be told how to go wrong.
final class CountingEmbedder: Embedder {
    let model: EmbeddingModel
    let calls = Mutex<[[String]]>([])
    /// What happens to a request, by its number, in place of an answer.
    let failures: Mutex<[Int: StageError]>
    private let answer: @Sendable (String) throws -> [Float]

    init(
        version: String = "1", failures: [Int: StageError] = [:],
        answer: @escaping @Sendable (String) throws -> [Float] = {
            [Float($0.utf8.count), 1, Float($0.utf8.reduce(0) { ($0 &+ UInt32($1)) % 97 })]
        }
    ) {
        model = EmbeddingModel(
            id: "counting", version: version, dimension: 3, isNormalized: false)
        self.failures = Mutex(failures)
        self.answer = answer
    }

    func embed(_ texts: [String]) async throws -> [[Float]] {
        let number = calls.withLock { calls in
            calls.append(texts)
            return calls.count - 1
        }
        if let failure = failures.withLock({ $0[number] }) { throw failure }
        return try texts.map(answer)
    }

    var embedded: [String] { calls.withLock { $0.flatMap(\.self) } }
}
