internal import ApusCore

/// Reads a source to its end, opening it again at the last position when it fails for a while.
/// Reading keys only has no position, and fails at once.
actor SourceReader {
    private let origin: any RecordOrigin
    private let retry: Retry
    private let monitor: PipelineMonitor
    private let keysOnly: Bool
    private var source: (any RecordSource)?
    private var position: JSONValue?

    init(
        _ origin: any RecordOrigin, at position: JSONValue? = nil, keysOnly: Bool = false,
        retry: Retry, monitor: PipelineMonitor
    ) {
        self.keysOnly = keysOnly
        self.origin = origin
        self.position = position
        self.retry = retry
        self.monitor = monitor
    }

    /// The next records; nil when there are none for now.
    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        var attempt = 1
        while true {
            try Task.checkCancellation()
            do {
                if source == nil {
                    source = try await keysOnly ? origin.openKeys() : origin.open(at: position)
                }
                let batch = try await source?.next(limit)
                if let batch { position = batch.position }
                return batch
            } catch let error as StageError
                where error.isTransient && attempt < retry.tries && !keysOnly
            {
                await close()
                monitor.note(error)
                try await retry.sleep(retry.pause(after: attempt, error))
                attempt += 1
            }
        }
    }

    /// What was read up to a position is durable.
    func confirm(_ position: JSONValue) async { await source?.confirm(position) }

    func close() async {
        await source?.close()
        source = nil
    }
}
