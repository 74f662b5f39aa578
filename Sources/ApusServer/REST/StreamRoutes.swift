import Apus
import ApusCore
import ApusWire
import Synchronization

/// Bulk upserts, positions of pipelines and changes, as lines of JSON.
func addStreamRoutes(
    to routes: inout RouteTable, _ operations: Operations, _ json: JSONExchange
) {
    let root = "/apus/v1/collections/{collection}"
    routes.on("GET", root + "/changes") { call in
        let feed = try await operations.changes(
            after: call.query.after, log: call.query.log, in: call.collection)
        return changes(feed, after: call.query.after, follows: call.query.follows)
    }
    routes.on("GET", root + "/upsert") { call in
        let upsert = try await operations.bulkUpsert(
            to: call.collection, source: call.query.source, pipeline: call.query.pipeline)
        return try await json.answer(call) {
            ResponseEncoder.upserted(
                upsert.start.sequence, version: upsert.start.version,
                position: upsert.startOfPipeline, seconds: $0)
        }
    }
    routes.on("POST", root + "/upsert") { call in
        let upsert = try await operations.bulkUpsert(
            to: call.collection, source: call.query.source, pipeline: call.query.pipeline)
        let lines = UpsertLines(upsert, lineBytesMax: json.bodyBytesMax)
        try await call.http.pieces { try await lines.take($0) }
        let last = try await lines.finish()
        return try await json.answer(call) {
            ResponseEncoder.upserted(
                last.sequence, version: last.version, position: nil, seconds: $0)
        }
    }
    routes.on("GET", root + "/positions") { call in
        let (positions, version) = try await operations.positions(in: call.collection)
        return try await json.answer(call) {
            ResponseEncoder.positions(positions, version: version, seconds: $0)
        }
    }
    routes.on("GET", root + "/positions/{pipeline}") { call in
        let (position, version) = try await operations.position(
            of: call.parameter("pipeline"), in: call.collection)
        return try await json.answer(call) {
            ResponseEncoder.position(position, version: version, seconds: $0)
        }
    }
    routes.on("DELETE", root + "/positions/{pipeline}") { call in
        let existed = try await operations.deletePosition(
            of: call.parameter("pipeline"), in: call.collection)
        return try await json.answer(call) { ResponseEncoder.bool(existed, seconds: $0) }
    }
}

/// How often a line goes to somebody for whom there is no change: a connection without any traffic
/// would be taken for dead on the way.
private let idleTime = Duration.seconds(15)

/// The status has gone out before the first line; what goes wrong later is the last line.
private func changes(
    _ feed: ChangeFeed, after version: SequenceNumber, follows: Bool
) -> HTTPAnswer {
    var answer = HTTPAnswer(status: 200, contentType: "application/x-ndjson", body: [])
    let lines = ChangeLines(feed, after: version, follows: follows)
    answer.stream = BodyStream(byteCount: nil) { await lines.next() }
    return answer
}

/// The lines for one reader, which asks for the next when it has sent the one before.
private final class ChangeLines: Sendable {
    private enum State {
        case start
        case between(version: SequenceNumber)
        case within([ChangePart], version: SequenceNumber)
        case ended
    }

    private let feed: ChangeFeed
    private let follows: Bool
    private let state: Mutex<State>
    private let first: SequenceNumber

    init(_ feed: ChangeFeed, after version: SequenceNumber, follows: Bool) {
        self.feed = feed
        self.follows = follows
        first = version
        state = Mutex(.start)
    }

    func next() async -> [UInt8]? {
        do {
            return try await line()
        } catch {
            state.withLock { $0 = .ended }
            let error = (error as? DatabaseError) ?? Drain.stopping
            return ChangeLine.failure(error)
        }
    }

    private func line() async throws -> [UInt8]? {
        switch state.withLock({ $0 }) {
        case .ended: return nil
        case .start:
            state.withLock { $0 = .between(version: first) }
            return ChangeLine.start(
                log: feed.start.log, version: feed.start.version, oldest: feed.start.oldest)
        case .between(let version):
            guard follows || version < feed.start.version else {
                state.withLock { $0 = .ended }
                return nil
            }
            guard let change = try await feed.next(within: idleTime) else {
                return ChangeLine.idle(version: version)
            }
            return send(change.parts, change.sequenceNumber)
        case .within(let parts, let version): return send(parts, version)
        }
    }

    private func send(_ parts: [ChangePart], _ version: SequenceNumber) -> [UInt8]? {
        guard let part = parts.first else { return nil }
        let rest = Array(parts.dropFirst())
        state.withLock {
            $0 = rest.isEmpty ? .between(version: version) : .within(rest, version: version)
        }
        return ChangeLine.change(
            version: part.version, time: part.time,
            upserts: part.upserts.map {
                Record(id: $0.id, payload: $0.payload, vectors: $0.vectors)
            }, deletes: Array(part.deletes), isLast: part.isLast)
    }
}

/// Applies the lines of a body as they come in.
private actor UpsertLines {
    private static let waitingMax = 8

    private let upsert: BulkUpsert
    private let lineBytesMax: Int
    /// What came of a line that is not at its end.
    private var rest: [UInt8] = []
    private var last: BulkUpsert.Acknowledgement
    private var waiting: [SequenceNumber] = []

    init(_ upsert: BulkUpsert, lineBytesMax: Int) {
        self.upsert = upsert
        self.lineBytesMax = lineBytesMax
        last = upsert.start
    }

    /// Pieces come one after the other. Returns when the next may come.
    func take(_ piece: [UInt8]) async throws {
        var piece = piece[...]
        while let end = piece.firstIndex(of: UInt8(ascii: "\n")) {
            try append(piece[..<end])
            piece = piece[piece.index(after: end)...]
            try await endLine()
        }
        try append(piece)
    }

    /// Everything is on disk.
    func finish() async throws -> BulkUpsert.Acknowledgement {
        try await endLine()
        for version in waiting { try await upsert.waitUntilDurable(version) }
        return last
    }

    private func append(_ bytes: ArraySlice<UInt8>) throws {
        guard rest.count + bytes.count <= lineBytesMax else {
            throw BodyTooLarge(limit: lineBytesMax, announced: nil, what: "line")
        }
        rest += bytes
    }

    private func endLine() async throws {
        let line = rest
        rest = []
        guard line.contains(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return }
        let batch = try RequestDecoder.upsertLine(line, after: last.sequence)
        let acknowledgement = try await upsert.submit(batch, after: last)
        guard acknowledgement.sequence > last.sequence else { return }
        last = acknowledgement
        waiting.append(acknowledgement.version)
        if waiting.count > Self.waitingMax {
            try await upsert.waitUntilDurable(waiting.removeFirst())
        }
    }
}
