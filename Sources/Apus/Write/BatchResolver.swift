package import ApusCore

/// Works out what a list of operations does to which points: the effects that the log records.
///
/// It reads the collection as it is after the last applied batch, and its own earlier results;
/// it changes nothing, so an error on the way leaves no trace. The caller holds the writer lock.
package struct BatchResolver {
    private let view: ReadView
    private let validation: PointValidation
    /// Why some points may be out of sight, if they may. Then what is selected by a filter cannot
    /// be known; a delete by id is recorded whether or not there is such a point, so that one in a
    /// lost segment does not come back with it; and a point that is to be changed must be found.
    private let missingPoints: DatabaseError?
    /// What every touched point must match, before and after; nil: nothing.
    private let bounds: Filter?
    /// What became of each touched point: nil means deleted.
    private var results: [PointID: StoredPoint?] = [:]
    private var order: [PointID] = []

    /// - Parameter bounds: points that do not match are not the caller's to change: an operation
    ///   that would, or that would leave such a point, is refused.
    package init(view: ReadView, missingPoints: DatabaseError? = nil, within bounds: Filter? = nil)
    {
        self.view = view
        self.missingPoints = missingPoints
        self.bounds = bounds
        validation = PointValidation(view.configuration)
    }

    /// The effects of all operations so far, one for each touched point, in order of first touch.
    package func effects() throws -> [WriteBatch.Effect] {
        try checkBounds()
        var effects: [WriteBatch.Effect] = []
        effects.reserveCapacity(order.count)
        for id in order {
            guard let result = results[id] else { continue }
            if let point = result {
                effects.append(.put(point))
            } else if missingPoints != nil || view.row(of: id) != nil {
                effects.append(.delete(id))
            }
        }
        return effects
    }

    package mutating func apply(_ operation: PreparedOperation) throws {
        switch operation {
        case .upsert(let points):
            for point in points { record(point, for: point.id) }
        case .conditionalUpsert(let points, let condition):
            let filter = condition.filter.map(compiled)
            for point in points where try admits(point.id, condition.mode, filter) {
                record(point, for: point.id)
            }
        case .other(.upsert), .other(.conditionalUpsert):
            preconditionFailure("upserts are prepared before they are resolved")
        case .other(.delete(let selection)):
            for id in try existing(selection) { record(nil, for: id) }
        case .other(.updateVectors(let updates)):
            for update in updates { try updateVectors(update) }
        case .other(.conditionalUpdateVectors(let updates, let filter)):
            let filter = compiled(filter)
            for update in updates { try updateVectors(update, where: filter) }
        case .other(.deleteVectors(let names, let selection)):
            try deleteVectors(names, selection)
        case .other(.setPayload(let payload, let key, let selection)):
            try editPayload(selection) { $0.merge(payload, at: key) }
        case .other(.overwritePayload(let payload, _, let selection)):
            try editPayload(selection) { $0 = payload }
        case .other(.deletePayload(let keys, let selection)):
            try editPayload(selection) { payload in
                for key in keys { payload.removeValues(at: key) }
            }
        case .other(.clearPayload(let selection)):
            try editPayload(selection) { $0 = [:] }
        }
    }

    /// Throws `permissionDenied` for the first point that is out of bounds, before or after.
    private func checkBounds() throws {
        guard let bounds, !order.isEmpty else { return }
        // Whose a point was that is out of sight, nobody can say.
        if let missingPoints { throw missingPoints }
        let filter = compiled(bounds)
        for id in order {
            let before = try view.row(of: id).map { try view.storedPoint(at: $0) }
            let after = results[id] ?? nil
            for point in [before, after].compactMap(\.self) where !matches(point, filter) {
                throw DatabaseError(
                    .permissionDenied, "Forbidden: the caller may not write point \(id)")
            }
        }
    }

    private mutating func updateVectors(
        _ update: PointVectors, where filter: CompiledFilter? = nil
    ) throws {
        let new = try validation.vectors(update.vectors, of: update.id)
        guard let point = try current(update.id) else {
            throw missingPoints ?? DatabaseError.pointNotFound(update.id)
        }
        if let filter, !matches(point, filter) { return }
        record(
            StoredPoint(
                id: point.id, dense: point.dense.merging(new.dense) { $1 }, payload: point.payload,
                others: point.others.merging(new.others) { $1 }),
            for: point.id)
    }

    private mutating func deleteVectors(_ names: [String], _ selection: PointSelection) throws {
        for name in names
        where view.configuration.vectors[name] == nil
            && view.configuration.sparseVectors[name] == nil
        {
            throw DatabaseError.vectorNameNotFound(name)
        }
        for id in try selected(selection) {
            guard let point = try current(id) else {
                throw missingPoints ?? DatabaseError.pointNotFound(id)
            }
            record(
                StoredPoint(
                    id: id, dense: point.dense.filter { !names.contains($0.key) },
                    payload: point.payload,
                    others: point.others.filter { !names.contains($0.key) }),
                for: id)
        }
    }

    private mutating func editPayload(
        _ selection: PointSelection, _ edit: (inout Payload) -> Void
    ) throws {
        for id in try selected(selection) {
            guard var point = try current(id) else {
                throw missingPoints ?? DatabaseError.pointNotFound(id)
            }
            var payload: Payload
            do throws(MalformedBytes) {
                payload = try decoding(point.payload) { (reader) throws(MalformedBytes) in
                    try reader.readPayload()
                }
            } catch {
                throw DatabaseError(error, in: "the payload of point \(id)")
            }
            edit(&payload)
            point.payload = try validation.encoded(payload, of: id)
            record(point, for: id)
        }
    }

    private mutating func record(_ result: StoredPoint?, for id: PointID) {
        if results.updateValue(result, forKey: id) == nil { order.append(id) }
    }

    /// The point as it is after the operations so far; nil when there is none.
    private func current(_ id: PointID) throws -> StoredPoint? {
        if let result = results[id] { return result }
        return try view.row(of: id).map { try view.storedPoint(at: $0) }
    }

    /// The ids that a selection names, whether or not there are such points.
    private func selected(_ selection: PointSelection) throws -> [PointID] {
        switch selection {
        case .ids(let ids): ids
        case .filter(let filter): try matching(filter)
        }
    }

    /// The selected points that exist.
    private func existing(_ selection: PointSelection) throws -> [PointID] {
        guard case .ids(let ids) = selection else { return try selected(selection) }
        if missingPoints != nil { return ids }
        return ids.filter { id in
            if let result = results[id] { return result != nil }
            return view.row(of: id) != nil
        }
    }

    private func matching(_ filter: Filter) throws -> [PointID] {
        if let missingPoints { throw missingPoints }
        var ids: [PointID] = []
        try view.forEachRow(matching: filter) { segment, row in
            let id = segment.id(at: row)
            if results[id] == nil { ids.append(id) }
        }
        guard !results.isEmpty else { return ids }
        let compiled = compiled(filter)
        for id in order {
            guard let result = results[id], let point = result else { continue }
            if matches(point, compiled) { ids.append(id) }
        }
        return ids
    }

    /// Whether an upsert of a point on a condition writes it.
    private func admits(
        _ id: PointID, _ mode: UpdateCondition.Mode, _ filter: CompiledFilter?
    ) throws -> Bool {
        guard let point = try current(id) else {
            // It may exist out of sight.
            if let missingPoints { throw missingPoints }
            return mode != .updateOnly
        }
        guard mode != .insertOnly else { return false }
        return filter.map { matches(point, $0) } ?? true
    }

    private func compiled(_ filter: Filter) -> CompiledFilter {
        CompiledFilter(filter, schema: view.schema.textFields)
    }

    private func matches(_ point: StoredPoint, _ filter: CompiledFilter) -> Bool {
        unsafe point.payload.withUnsafeBytes { payload in
            unsafe filter.matches(
                id: point.id, payload: EncodedPayload(payload), hasVector: point.hasVector)
        }
    }
}

/// An operation after the part of its validation that needs no look at the collection.
package enum PreparedOperation: Sendable {
    case upsert([StoredPoint])
    case conditionalUpsert([StoredPoint], UpdateCondition)
    case other(WriteOperation)

    package init(
        _ operation: WriteOperation, _ validation: PointValidation
    ) throws(DatabaseError) {
        switch operation {
        case .upsert(let points): self = .upsert(try validation.stored(points))
        case .conditionalUpsert(let points, let condition):
            self = .conditionalUpsert(try validation.stored(points), condition)
        case .updateVectors, .conditionalUpdateVectors, .delete, .deleteVectors, .setPayload,
            .overwritePayload, .deletePayload, .clearPayload:
            self = .other(operation)
        }
    }
}

extension PointValidation {
    fileprivate func stored(_ points: [Point]) throws(DatabaseError) -> [StoredPoint] {
        var result: [StoredPoint] = []
        result.reserveCapacity(points.count)
        for point in points { result.append(try stored(point)) }
        return result
    }
}
