internal import ApusCore
internal import ApusPipeline

/// Reads the entries of a stream, behind the last one that was read.
actor RedisStream: RecordSource {
    private let settings: RedisOrigin.Settings
    private let name: String
    private let thread = BlockingThread<RedisConnection>(name: "redis")
    /// nil: before the first.
    private var last: String?

    init(_ settings: RedisOrigin.Settings, _ name: String, at position: JSONValue?) {
        self.settings = settings
        self.name = name
        if case .string(let last)? = position { self.last = last }
    }

    func close() async { await thread.close() }

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        let (settings, name, last) = (settings, name, last)
        let (entries, length) = try await thread.run(making: {
            try RedisOrigin.connect(settings)
        }) { connection in
            let start = last.map { "(\($0)" } ?? "-"
            let entries = try connection.call(
                ["XRANGE", name, start, "+", "COUNT", String(limit.records)])
            return (entries.elements, try connection.call(["XLEN", name]))
        }
        guard let newest = entries.last?.elements.first?.string else { return nil }
        self.last = newest
        let records = entries.map { entry -> SourceRecord in
            let parts = entry.elements
            let id = parts.first?.string ?? ""
            // The id begins with the time that the server gave it.
            let time = id.split(separator: "-").first.flatMap { Int64($0) }
            return RedisOrigin.record(
                settings, name: id, place: "\(name) at \(id)", time: time,
                parts.count > 1 ? parts[1].elements : [])
        }
        var lag: Int?
        if case .integer(let count) = length, entries.count == count { lag = 0 }
        return SourceBatch(records: records, position: .string(newest), lag: lag)
    }
}
