public import ApusCore
private import ApusStorage
private import Synchronization

extension Collection {
    /// Applies the operations in order, as one atomic batch.
    ///
    /// The whole batch is validated first: when it throws, nothing has changed. With `.completed`
    /// (the default) it returns once the batch is as safe as the collection's durability says (on
    /// disk, unless it was set otherwise) and searches see it; with `.accepted` once it is validated
    /// and queued for the disk.
    ///
    /// `positions` become the collection's in the same batch: after a crash they are what they were
    /// before it exactly when its points are. Where those of the collection would have more than
    /// `SourcePositions.byteCountMax` bytes together, `.failedPrecondition` is thrown.
    /// - Returns: one result for each operation.
    /// - Throws: `DatabaseError` that names the point or field, and what is wrong.
    public func write(
        _ operations: [WriteOperation], acknowledgement: Acknowledgement = .completed,
        positions: SourcePositions = SourcePositions()
    ) async throws -> [WriteResult] {
        try await write(
            operations, within: nil, acknowledgement: acknowledgement, positions: positions)
    }

    /// The same for a caller to whom only the points that match `bounds` belong: throws
    /// `.permissionDenied`, and changes nothing, when the batch would change or leave another.
    /// - Parameter previous: positions that have to be as they are said here (empty: there is none),
    ///   or `.failedPrecondition` is thrown: another writer went on with the source.
    package func write(
        _ operations: [WriteOperation], within bounds: Filter?, acknowledgement: Acknowledgement,
        positions: SourcePositions = SourcePositions(),
        after previous: SourcePositions = SourcePositions()
    ) async throws -> [WriteResult] {
        try await withCheckedThrowingContinuation { continuation in
            whenThereIsRoom(rowCount: operations.rowCount) { [self] in
                context.writePool.submit { [self] in
                    submit(
                        operations, within: bounds, acknowledgement, positions, after: previous
                    ) {
                        continuation.resume(with: $0)
                    }
                }
            }
        }
    }

    /// The same for synchronous programs: blocks the calling thread. Not for use inside tasks.
    @available(*, noasync, message: "use the async form")
    public func write(
        _ operations: [WriteOperation], acknowledgement: Acknowledgement = .completed,
        positions: SourcePositions = SourcePositions()
    ) throws -> [WriteResult] {
        let turn = BlockingResult<Void>()
        whenThereIsRoom(rowCount: operations.rowCount) { turn.set(.success(())) }
        try turn.wait()
        let outcome = BlockingResult<[WriteResult]>()
        submit(operations, acknowledgement, positions) { outcome.set($0) }
        return try outcome.wait()
    }

    /// How far sources were read, as the last batch left it.
    public func sourcePositions() -> SourcePositions { writer.withLock { $0.positions } }

    /// Writes points, replacing those with the same ids as a whole.
    public func upsert(_ points: [Point]) async throws { _ = try await write([.upsert(points)]) }

    /// Writes points, replacing those with the same ids as a whole. Blocks.
    @available(*, noasync, message: "use the async form")
    public func upsert(_ points: [Point]) throws { _ = try write([.upsert(points)]) }

    /// Deletes points by id or filter.
    public func delete(_ selection: PointSelection) async throws {
        _ = try await write([.delete(selection)])
    }

    /// Deletes points by id or filter. Blocks.
    @available(*, noasync, message: "use the async form")
    public func delete(_ selection: PointSelection) throws { _ = try write([.delete(selection)]) }

    /// Applies a batch and calls `completion` once it is acknowledged, or with the error.
    private func submit(
        _ operations: [WriteOperation], within bounds: Filter? = nil,
        _ acknowledgement: Acknowledgement, _ positions: SourcePositions,
        after previous: SourcePositions = SourcePositions(),
        _ completion: @escaping @Sendable (Result<[WriteResult], any Error>) -> Void
    ) {
        let lsn: SequenceNumber
        do {
            try admitWrite(operations)
            let validation = PointValidation(configuration)
            let prepared = try operations.map { try PreparedOperation($0, validation) }
            lsn = try withoutDamagedSegments {
                try writer.withLock { state in
                    try state.positions.check(previous)
                    try state.positions.checkRoom(for: positions, of: name)
                    return try apply(prepared, within: bounds, positions, &state)
                }
            }
        } catch {
            // A write may be refused because a segment could not be written: that is tried again.
            scheduleMaintenance()
            if let failure = log.failure { stopWriting(DatabaseError(failure)) }
            return completion(.failure(DatabaseError(causedBy: error)))
        }
        if hasMaintenanceWork { scheduleMaintenance() }
        let results = operations.map { _ in
            WriteResult(sequenceNumber: lsn, acknowledgement: acknowledgement)
        }
        if acknowledgement == .accepted { completion(.success(results)) }
        log.whenCommitted(lsn) { [self] outcome in
            switch outcome {
            case .success:
                published.withLock { $0.lsn = max($0.lsn, lsn) }
                versionWaiters.release(through: lsn)
                if acknowledgement == .completed { completion(.success(results)) }
            case .failure(let error):
                let failure = DatabaseError(error)
                stopWriting(failure)
                if acknowledgement == .completed { completion(.failure(failure)) }
            }
        }
    }

    /// Resolves, logs and applies a batch; returns its number. A batch without effects and positions
    /// is not logged and has the number of the last one.
    private func apply(
        _ operations: [PreparedOperation], within bounds: Filter?, _ positions: SourcePositions,
        _ state: inout WriterState
    ) throws -> SequenceNumber {
        guard !state.isClosed else {
            throw DatabaseError(.unavailable, "collection `\(name)` is closed")
        }
        if let failure = published.withLock({ $0.failure }) { throw failure }
        let schema = published.withLock { $0.schema }
        let view = ReadView(lsn: state.lsn, segments: state.segments, schema: schema)
        if let damage = view.firstDamage() { throw damage }
        var resolver = BatchResolver(view: view, missingPoints: missingPoints, within: bounds)
        for operation in operations { try resolver.apply(operation) }
        let batch = WriteBatch(
            effects: try resolver.effects(), time: max(context.now(), state.time),
            positions: positions)
        guard !batch.effects.isEmpty || !positions.isEmpty else { return state.lsn }
        try checkPointCount(after: batch, view)
        try makeRoom(for: batch, &state)
        let record = batch.encoded()
        let isDeletion = batch.rowCount == 0
        // Deleting makes room, so it may take what other writes must leave.
        let lsn =
            isDeletion
            ? try context.reserve.lending { try log.append(record, mayUseReserve: true) }
            : try log.append(record)
        batch.apply(lsn: lsn, &state)
        lastTime.store(batch.time, ordering: .releasing)
        return lsn
    }

    /// After an I/O error nothing more is acknowledged until the database is opened again; what was
    /// published stays readable.
    func stopWriting(_ failure: DatabaseError) {
        published.withLock { if $0.failure == nil { $0.failure = failure } }
        waitingWrites.releaseAll()
        versionWaiters.fail(failure)
    }
}

extension [WriteOperation] {
    /// About as many rows as the operations will add; how many points a filter selects shows later.
    fileprivate var rowCount: Int {
        reduce(0) { sum, operation in
            switch operation {
            case .upsert(let points), .conditionalUpsert(let points, _): sum + points.count
            case .updateVectors, .conditionalUpdateVectors, .delete, .deleteVectors, .setPayload,
                .overwritePayload, .deletePayload, .clearPayload:
                sum + 1
            }
        }
    }
}

extension WriteBatch {
    var rowCount: Int {
        effects.reduce(0) { if case .put = $1 { $0 + 1 } else { $0 } }
    }

    var blobByteCount: Int {
        effects.reduce(0) { if case .put(let point) = $1 { $0 + point.blobByteCount } else { $0 } }
    }

    /// Changes the segments as the effects say. There is room for them.
    func apply(lsn: SequenceNumber, _ state: inout WriterState) {
        for effect in effects {
            switch effect {
            case .put(let point):
                state.deleteRow(of: point.id, lsn: lsn)
                state.growing.append(point, lsn: lsn)
            case .delete(let id):
                state.deleteRow(of: id, lsn: lsn)
            }
        }
        state.lsn = lsn
        state.time = max(state.time, time)
        state.positions.merge(positions)
    }
}

extension WriterState {
    /// Marks the point's row, in whatever segment it lies, if there is one.
    fileprivate func deleteRow(of id: PointID, lsn: SequenceNumber) {
        for segment in segments.reversed() {
            if let row = segment.row(of: id, at: lsn) {
                segment.deletions.delete(row, at: lsn)
                return
            }
        }
    }
}
