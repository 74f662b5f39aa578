private import ApusCore

/// Moves the points of a source into a sink: in batches, several on their way at a time, with a
/// checkpoint of what is acknowledged.
///
/// Two batches that share an id are never on their way together, so that of several points with
/// one id the last in the source wins, as it does when they are written one after the other.
package struct Ingest: Sendable {
    package struct Options: Hashable, Sendable {
        /// Points per write.
        package var batchSize = 500
        /// Writes on their way at a time; bounds the memory to `window × batchSize` points.
        package var window = 4
        /// Stop after so many rows of the source, counted from its start.
        package var limit: Int?
        /// Least time between two writes of the checkpoint.
        package var checkpointInterval: Duration = .seconds(1)

        package init() {}
    }

    /// What a run did.
    package struct Summary: Hashable, Sendable {
        /// Rows that were passed over because an earlier run had loaded them.
        package var resumedRows: Int
        /// Rows acknowledged in all.
        package var rows: Int
        package var elapsed: Duration
        /// Set when an earlier run's rows were not in the collection any more and the run
        /// therefore started from the first row.
        package var startedOver: Bool
    }

    /// The job and where its checkpoint lies; nil: a run that cannot be resumed.
    package typealias Resumption = (job: Checkpoint.Job, file: CheckpointFile)

    private let options: Options
    /// Time since some fixed moment.
    private let now: @Sendable () -> Duration

    package init(_ options: Options = Options(), now: (@Sendable () -> Duration)? = nil) {
        self.options = options
        let start = ContinuousClock.now
        self.now = now ?? { start.duration(to: .now) }
    }

    /// Runs to the end of the source or to the limit. `open` opens the source at its start.
    /// `report` is called on every acknowledgement. The checkpoint is removed at the end and up
    /// to date after an error.
    package func run<Source: PointSource>(
        from open: () async throws -> Source, into sink: some PointSink,
        resumption: Resumption? = nil, report: (IngestProgress) -> Void = { _ in }
    ) async throws -> Summary {
        let begin = now()
        let claimed = resumption.map { $0.file.acknowledgedRows(of: $0.job) } ?? 0
        var source = try await open()
        let sample = Set(try await source.skip(claimed))
        let found = sample.isEmpty ? 0 : try await sink.count(of: Array(sample))
        let isThere = found == sample.count
        if !isThere { source = try await open() }
        let resumed = isThere ? claimed : 0
        var run = Run(
            options: options, now: now, resumption: resumption, begin: begin,
            resumedRows: resumed, source: source)
        do {
            try await run.write(to: sink, report)
        } catch {
            try? run.saveCheckpoint()
            throw error
        }
        resumption?.file.remove()
        return Summary(
            resumedRows: resumed, rows: run.acknowledged.rows, elapsed: now() - begin,
            startedOver: resumed < claimed)
    }
}

/// The state of one run.
private struct Run<Source: PointSource> {
    /// A batch on its way.
    private struct Batch {
        var rows: Range<Int>
        var ids: Set<PointID>
    }

    let options: Ingest.Options
    let now: @Sendable () -> Duration
    let resumption: Ingest.Resumption?
    let begin: Duration
    let resumedRows: Int
    var source: Source
    private(set) var acknowledged: AcknowledgedPrefix
    private var inFlight: [Int: Batch] = [:]
    private var savedRows: Int
    private var savedAt: Duration

    init(
        options: Ingest.Options, now: @escaping @Sendable () -> Duration,
        resumption: Ingest.Resumption?, begin: Duration, resumedRows: Int, source: Source
    ) {
        self.options = options
        self.now = now
        self.resumption = resumption
        self.begin = begin
        self.resumedRows = resumedRows
        self.source = source
        acknowledged = AcknowledgedPrefix(rows: resumedRows)
        savedRows = resumedRows
        savedAt = begin
    }

    mutating func write(
        to sink: some PointSink, _ report: (IngestProgress) -> Void
    ) async throws {
        // The group cannot capture an inout self, so the state goes in and comes out as a value.
        var run = self
        defer { self = run }
        try await withThrowingTaskGroup(of: Int.self) { group in
            var row = run.resumedRows
            while true {
                let wanted = min(run.options.batchSize, (run.options.limit ?? .max) - row)
                let points = wanted > 0 ? try await run.source.next(wanted) : []
                if points.isEmpty { break }
                let batch = Batch(rows: row..<(row + points.count), ids: Set(points.map(\.id)))
                while run.mustWait(before: batch), let first = try await group.next() {
                    try run.acknowledge(first, report)
                }
                run.inFlight[row] = batch
                row = batch.rows.upperBound
                group.addTask {
                    try await sink.write(points)
                    return batch.rows.lowerBound
                }
            }
            while let first = try await group.next() { try run.acknowledge(first, report) }
        }
    }

    private func mustWait(before batch: Batch) -> Bool {
        inFlight.count >= max(1, options.window)
            || inFlight.values.contains { !$0.ids.isDisjoint(with: batch.ids) }
    }

    private mutating func acknowledge(
        _ firstRow: Int, _ report: (IngestProgress) -> Void
    ) throws {
        guard let batch = inFlight.removeValue(forKey: firstRow) else { return }
        acknowledged.acknowledge(batch.rows)
        if now() - savedAt >= options.checkpointInterval { try saveCheckpoint() }
        let total = source.count.map { min($0, options.limit ?? .max) }
        report(
            IngestProgress(
                resumedRows: resumedRows, rows: acknowledged.rows, total: total,
                fraction: source.fractionRead, elapsed: now() - begin))
    }

    mutating func saveCheckpoint() throws(PipelineError) {
        guard let resumption, acknowledged.rows != savedRows else { return }
        try resumption.file.save(Checkpoint(job: resumption.job, rows: acknowledged.rows))
        savedRows = acknowledged.rows
        savedAt = now()
    }
}
