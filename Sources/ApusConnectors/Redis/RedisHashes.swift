internal import ApusCore
internal import ApusPipeline

/// Reads the hashes whose keys match a pattern, one pass after the other.
///
/// A cursor of SCAN gives all keys that are there from start to end, some of them twice. It holds for
/// one run of the server: another one orders keys anew, and then the pass begins again.
actor RedisHashes: RecordSource {
    private struct Place: Sendable {
        var cursor: String
        var run: String
    }

    private let settings: RedisOrigin.Settings
    private let pattern: String
    private let thread = BlockingThread<RedisConnection>(name: "redis")
    private var place: Place?
    private var hasToldEnd = false
    private var isOver = false

    init(_ settings: RedisOrigin.Settings, _ pattern: String, at position: JSONValue?) {
        self.settings = settings
        self.pattern = pattern
        if case .object(let members)? = position, case .string(let cursor)? = members["cursor"],
            case .string(let run)? = members["run"]
        {
            place = Place(cursor: cursor, run: run)
        }
    }

    func close() async { await thread.close() }

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        if isOver {
            hasToldEnd.toggle()
            if hasToldEnd { return SourceBatch(records: [], position: .null) }
            isOver = false
            return nil
        }
        let (settings, pattern, start) = (settings, pattern, place)
        let (place, hashes) = try await thread.run(making: {
            try RedisOrigin.connect(settings)
        }) { connection in
            try Self.page(connection, pattern, from: start, count: limit.records)
        }
        isOver = place.cursor == "0"
        self.place = isOver ? nil : place
        let records = hashes.map { key, members in
            RedisOrigin.record(settings, name: key, place: "hash \(key)", time: nil, members)
        }
        return SourceBatch(
            records: records,
            position: isOver
                ? .null : .object(["cursor": .string(place.cursor), "run": .string(place.run)]))
    }

    private static func page(
        _ connection: RedisConnection, _ pattern: String, from start: Place?, count: Int
    ) throws(StageError) -> (Place, [(String, [RedisConnection.Reply])]) {
        let information = try connection.call(["INFO", "server"]).string ?? ""
        let run =
            information.split(whereSeparator: \.isNewline).first { $0.hasPrefix("run_id:") }
            .map { String($0.dropFirst(7)) } ?? ""
        let cursor = start.flatMap { $0.run == run ? $0.cursor : nil } ?? "0"
        let scan = try connection.call([
            "SCAN", cursor, "MATCH", pattern, "COUNT", String(count), "TYPE", "hash",
        ]).elements
        guard scan.count == 2, let next = scan[0].string else {
            throw StageError(.fatal, stage: "source", "SCAN answered something else")
        }
        let keys = scan[1].elements.compactMap(\.string)
        let replies = try connection.call(all: keys.map { ["HGETALL", $0] })
        // A key that went away in between has no members.
        let hashes = zip(keys, replies.map(\.elements)).filter { !$0.1.isEmpty }
        return (Place(cursor: next, run: run), hashes)
    }
}
