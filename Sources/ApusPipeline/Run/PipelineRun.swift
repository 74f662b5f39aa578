internal import ApusCore

/// Moves what a source has into a collection, exactly once.
///
/// Batches are read one after the other; several at a time are mapped, cut and embedded; they are
/// written one after the other again, in the order of the source, each with the source's position
/// behind it. Where the sink writes both in one, a run that is killed at any moment goes on behind
/// what is in the collection. Batches that share a key are never on their way together, because each
/// looks at what the collection has of its keys.
package struct PipelineRun: Sendable {
    package struct Options: Sendable {
        /// Of a batch.
        package var limit = ReadLimit(records: 256, bytes: 8 << 20)
        /// Batches on their way: bounds the memory.
        package var parallel = 4
        package var chunksMax = 10_000
        /// A run stops when more records than this were set aside; nil: never.
        package var deadLettersMax: Int?
        /// How long to wait for more when a source has nothing; nil: end there.
        package var follow: Duration?
        /// How often the keys of a source that shows all are compared with the collection's, to
        /// delete what is gone: when a run has come to the source's end, and after that at most this
        /// often. nil: never.
        package var sweep: Duration? = .seconds(600)
        /// Keys that are remembered for that at a time, 16 bytes each: of a source with more they are
        /// read again.
        package var sweepKeysMax = 4_000_000
        /// Forget the position and read everything again.
        package var startOver = false
        package var retry = Retry()

        package init() {}
    }

    package let name: String
    private let origin: any RecordOrigin
    private let sink: any PipelineSink
    private let deadLetters: DeadLetterFile
    private let options: Options
    private let preparation: BatchPreparation
    package let monitor: PipelineMonitor
    private let signature: String

    package init(
        name: String, origin: any RecordOrigin, mapping: RecordMapping, chunker: Chunker?,
        chunkSignature: String, embedder: ReliableEmbedder?, field: String,
        sink: any PipelineSink, deadLetters: DeadLetterFile, options: Options = Options(),
        monitor: PipelineMonitor = PipelineMonitor()
    ) {
        let model = embedder?.embedder.model
        let shape =
            "\(mapping.signature) chunks=\(chunkSignature) field=\(field) "
            + "model=\(model.map { "\($0.id) \($0.version) \($0.dimension)" } ?? "")"
        self.name = name
        self.origin = origin
        self.sink = sink
        self.deadLetters = deadLetters
        self.options = options
        self.monitor = monitor
        signature = ChunkPoint.hash(of: [origin.identity, shape])
        preparation = BatchPreparation(
            pipeline: name, mapping: mapping, chunker: chunker, embedder: embedder, field: field,
            chunksMax: options.chunksMax, signature: shape, sink: sink, monitor: monitor)
    }

    /// Runs to the end of the source, or on and on where it is followed. Returns where it began.
    ///
    /// After an error, and when the task is cancelled, what was written stays and the next run goes
    /// on behind it. Of a source that every run reads in full it then reads all once more, since what
    /// lies before may have changed in between: at its end the collection has what the source had at
    /// some time since its start.
    @discardableResult
    package func run() async throws -> Start {
        let (start, position) = try await begin()
        let reader = SourceReader(
            origin, at: position, retry: options.retry, monitor: monitor)
        do {
            try await withThrowingTaskGroup(of: Done.self) { group in
                var flight = Flight()
                flight.position = position ?? .null
                flight.beganWithinPass = flight.position != .null
                if !flight.beganWithinPass { flight.seen = newKeys }
                do {
                    try await pass(reader, &flight, &group)
                } catch {
                    // What is on its way ends before anything is closed.
                    flight.order.stop()
                    group.cancelAll()
                    let first = await Self.drain(&group)
                    throw Self.cause(error, first)
                }
            }
        } catch {
            await reader.close()
            throw error
        }
        await reader.close()
        return start
    }

    /// Where a run goes on.
    package enum Start: String, Hashable, Sendable, Codable {
        case fresh
        case resumed
        /// Source or mapping, chunks or model are others than those of the last run.
        case changed
    }

    /// Where the sink's position says the source goes on.
    private func begin() async throws -> (Start, JSONValue?) {
        guard !options.startOver,
            case .object(let saved)? = try await sink.position(of: name)
        else { return (.fresh, nil) }
        guard saved["signature"] == .string(signature), let position = saved["position"] else {
            return (.changed, nil)
        }
        return (.resumed, position)
    }

    // MARK: Batches

    /// Batches on their way.
    private struct Flight {
        let order = CommitOrder()
        var number = 0
        var keys: [Int: Set<String>] = [:]
        /// Where the source stands behind the last batch that was read.
        var position: JSONValue = .null
        /// What this pass has shown, if it began at the source's start and somebody wants to know.
        var seen: SeenKeys?
        /// The source has said that its pass is over: the next one begins at its start. Sources that
        /// every run reads in full say so by a position there.
        var isPassOver = false
        /// Reading began behind records that may have changed since an earlier run read them.
        var beganWithinPass = false
        var sweptAt: ContinuousClock.Instant?

        mutating func end(_ done: Done) {
            keys[done.number] = nil
            for id in done.keys.heads { seen?.insert(id) }
            if let place = done.keys.unnamed { seen?.insert(unnamedAt: place) }
        }

        func isSweepDue(_ origin: any RecordOrigin, _ interval: Duration?) -> Bool {
            guard origin.showsAll, let interval else { return false }
            return sweptAt.map { ContinuousClock.now - $0 >= interval } ?? true
        }
    }

    /// A batch that is written.
    private struct Done: Sendable {
        var number: Int
        var keys: BatchPreparation.Keys
    }

    private var newKeys: SeenKeys? {
        origin.showsAll && options.sweep != nil ? SeenKeys(idsMax: options.sweepKeysMax) : nil
    }

    private func pass(
        _ reader: SourceReader, _ flight: inout Flight,
        _ group: inout ThrowingTaskGroup<Done, any Error>
    ) async throws {
        while true {
            if let batch = try await reader.next(options.limit) {
                monitor.update { $0.isCaughtUp = false }
                if batch.needsSweep { flight.sweptAt = nil }
                try await start(batch, reader, &flight, &group)
                continue
            }
            while let done = try await group.next() { flight.end(done) }
            let isPassOver = flight.isPassOver
            let seen = isPassOver ? flight.seen : nil
            flight.seen = isPassOver ? newKeys : nil
            flight.isPassOver = false
            if flight.beganWithinPass {
                flight.beganWithinPass = false
                if isPassOver { continue }
            }
            if flight.isSweepDue(origin, options.sweep) {
                try await sweep(seen, behind: flight.position)
                flight.sweptAt = .now
            }
            monitor.update {
                $0.isCaughtUp = true
                $0.lag = $0.lag.map { _ in 0 }
            }
            guard let pause = options.follow else { return }
            try await options.retry.sleep(pause)
        }
    }

    /// Sends a batch on its way once there is room, and no other one has one of its keys.
    private func start(
        _ batch: SourceBatch, _ reader: SourceReader, _ flight: inout Flight,
        _ group: inout ThrowingTaskGroup<Done, any Error>
    ) async throws {
        // Those without a key are never written.
        let keys = Set(batch.records.map(\.key).filter { !$0.isEmpty })
        while flight.keys.count >= max(1, options.parallel)
            || flight.keys.values.contains(where: { !$0.isDisjoint(with: keys) })
        {
            guard let done = try await group.next() else { break }
            flight.end(done)
        }
        let number = flight.number
        flight.number += 1
        flight.keys[number] = keys
        flight.position = batch.position
        flight.isPassOver = batch.position == .null
        group.addTask { [order = flight.order] in
            do {
                let prepared = try await preparation.prepare(batch)
                let keys = prepared.keys
                try await order.wait(for: number)
                try await commit(prepared, batch)
                order.advance()
                await reader.confirm(batch.position)
                return Done(number: number, keys: keys)
            } catch {
                order.stop()
                throw error
            }
        }
    }

    /// Writes dead letters first: the position says that they were dealt with.
    private func commit(
        _ prepared: BatchPreparation.Prepared, _ batch: SourceBatch
    ) async throws {
        try await deadLetters.append(prepared.letters)
        try await write(
            SinkChange(
                deletes: prepared.deletes, upserts: prepared.upserts, pipeline: name,
                position: saved(batch.position)))
        monitor.update { progress in
            progress.counters += prepared.counters
            progress.lag = batch.lag
            progress.recordTime = prepared.recordTime ?? progress.recordTime
        }
        if let most = options.deadLettersMax {
            let setAside = monitor.progress.counters.setAside
            guard setAside <= most else {
                throw StageError(
                    .fatal, stage: "dead letters",
                    "\(setAside) records were set aside, of at most \(most): see "
                        + deadLetters.path)
            }
        }
    }

    private func write(_ change: SinkChange) async throws {
        try await options.retry.run(noted: { monitor.note($0) }) { try await sink.write(change) }
    }

    private func saved(_ position: JSONValue) -> JSONValue {
        .object(["signature": .string(signature), "position": position])
    }

    private func sweep(_ seen: SeenKeys?, behind position: JSONValue) async throws {
        let sweep = Sweep(
            pipeline: name, origin: origin, sink: sink, retry: options.retry,
            keysMax: options.sweepKeysMax)
        try await sweep.run(seen, monitor) { deletes, count in
            try await write(
                SinkChange(deletes: deletes, pipeline: name, position: saved(position)))
            monitor.update {
                $0.counters.swept += count
                $0.counters.pointsDeleted += deletes.count
            }
        }
    }

    // MARK: Ends

    /// Waits for all tasks; the first error among theirs that is no consequence of another.
    private static func drain(
        _ group: inout ThrowingTaskGroup<Done, any Error>
    ) async -> (any Error)? {
        var first: (any Error)?
        while let result = await group.nextResult() {
            if case .failure(let error) = result, !(error is CancellationError), first == nil {
                first = error
            }
        }
        return first
    }

    private static func cause(_ error: any Error, _ other: (any Error)?) -> any Error {
        error is CancellationError ? other ?? error : error
    }
}
