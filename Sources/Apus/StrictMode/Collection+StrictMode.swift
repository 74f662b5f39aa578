internal import ApusCore
internal import ApusIndex

/// Where strict mode stands at the door: each public read and write passes here once, lookups in
/// other collections do not.
extension Collection {
    /// Throws when the collection's strict mode refuses so long a time.
    public func checkTimeout(seconds: Int) throws {
        guard let check = try strictModeCheck, let most = check.limits.timeoutSecondsMax,
            seconds > most
        else { return }
        throw StrictModeCheck.exceeded("\(seconds)", "\(most)", "timeout")
    }

    /// Throws when strict mode refuses the read. `filters` are those that it evaluates.
    func admitRead(
        filters: [Filter?] = [nil], _ verify: (StrictModeCheck) throws -> Void
    ) throws {
        guard let check = try strictModeCheck else { return }
        try verify(check)
        let cost = filters.reduce(0) { $0 + 1 + ($1?.conditionCount ?? 0) }
        try rates.takeRead(cost: cost, perMinute: check.limits.readsPerMinute)
    }

    /// The same for a write.
    func admitWrite(_ operations: [WriteOperation]) throws {
        guard let check = try strictModeCheck else { return }
        for operation in operations { try check.check(operation) }
        if operations.contains(where: \.takesRoom) { try checkRoom(check.limits) }
        try rates.takeWrite(
            cost: operations.reduce(0) { $0 + 1 + ($1.filter?.conditionCount ?? 0) },
            perMinute: check.limits.writesPerMinute)
    }

    func admitNewIndex(on field: PayloadPath) throws {
        try strictModeCheck?.checkNewIndex(on: field)
    }

    /// Throws when a batch would leave more points than strict mode allows. The caller holds the
    /// writer's lock; `view` is what the batch is applied to.
    func checkPointCount(after batch: WriteBatch, _ view: ReadView) throws {
        guard let most = try StrictModeCheck(view.schema)?.limits.pointsMax else { return }
        var added = 0
        for effect in batch.effects {
            switch effect {
            case .put(let point): if view.row(of: point.id) == nil { added += 1 }
            case .delete(let id): if view.row(of: id) != nil { added -= 1 }
            }
        }
        guard added > 0, view.pointCount + added > most else { return }
        throw DatabaseError.badRequest("Max points count limit of \(most) reached!")
    }

    private var strictModeCheck: StrictModeCheck? {
        get throws { try StrictModeCheck(published.withLock { $0.schema }) }
    }

    private func checkRoom(_ limits: StrictMode) throws {
        guard limits.vectorBytesMax != nil || limits.payloadBytesMax != nil else { return }
        let segments = published.withLock { $0.segments }
        if let most = limits.vectorBytesMax, try segments.vectorByteCount >= most {
            throw DatabaseError.badRequest(
                "Max vector storage size limit of \(most) bytes reached!")
        }
        if let most = limits.payloadBytesMax {
            let usage = segments.reduce(0) {
                $0 + max($1.usage[.payload].memory, $1.usage[.payload].disk)
            }
            guard usage < most else {
                throw DatabaseError.badRequest(
                    "Max payload storage size limit of \(most) bytes reached!")
            }
        }
    }
}

extension [any Segment] {
    /// Bytes of the vectors of rows that live: those of its components, of sparse vectors eight for
    /// each index.
    fileprivate var vectorByteCount: Int {
        get throws {
            try reduce(0) { sum, segment in
                let rowCount = segment.rowCount - segment.deletions.count
                let dense = try segment.denseFields.values.reduce(0) {
                    $0 + rowCount * $1.vectors.dimension * $1.vectors.element.byteCount
                }
                let sparse = try segment.sparseFields.values.reduce(0) {
                    $0 + $1.index.postingCount * 8
                }
                return sum + dense + sparse
            }
        }
    }
}

extension WriteOperation {
    /// Deletions make room.
    fileprivate var takesRoom: Bool {
        switch self {
        case .upsert, .conditionalUpsert, .updateVectors, .conditionalUpdateVectors, .setPayload,
            .overwritePayload:
            true
        case .delete, .deleteVectors, .deletePayload, .clearPayload: false
        }
    }

    fileprivate var filter: Filter? {
        let selection: PointSelection
        switch self {
        case .upsert, .updateVectors: return nil
        case .conditionalUpsert(_, let condition): return condition.filter
        case .conditionalUpdateVectors(_, let filter): return filter
        case .delete(let chosen), .deleteVectors(_, let chosen), .setPayload(_, _, let chosen),
            .overwritePayload(_, _, let chosen), .deletePayload(_, let chosen),
            .clearPayload(let chosen):
            selection = chosen
        }
        if case .filter(let filter) = selection { return filter }
        return nil
    }
}
