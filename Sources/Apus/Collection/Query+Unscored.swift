internal import ApusCore

extension ReadView {
    /// The points with the given ids, in the order of the ids; unknown ids are left out.
    func records(
        _ ids: [PointID], payload: PayloadSelector, vectors: VectorSelector
    ) throws -> [Record] {
        try check(vectors)
        return try ids.compactMap { id in
            try row(of: id).map { try record(at: $0, payload: payload, vectors: vectors) }
        }
    }

    func scroll(_ request: ScrollRequest) throws -> ScrollPage {
        try check(request.withVectors)
        guard request.limit > 0 else {
            throw DatabaseError(
                .validation, "Validation error: limit: value 0 invalid, must be 1 or larger")
        }
        if let order = request.orderBy { return try scroll(request, by: order) }
        let limit = min(request.limit, rowCount)
        // One more than asked for: it is where the next page starts.
        var found = try rowsInIDOrder(
            from: request.offset, limit: limit + 1, filter: request.filter)
        let next = found.count > limit ? found.removeLast().id : nil
        let points = try found.map {
            try record(
                at: $0.location, payload: request.withPayload, vectors: request.withVectors)
        }
        return ScrollPage(points: points, nextOffset: next, version: lsn)
    }

    private func scroll(_ request: ScrollRequest, by order: OrderBy) throws -> ScrollPage {
        guard request.offset == nil else {
            throw DatabaseError.wrongInput("scroll cannot have both an offset and an order_by")
        }
        let hits = try ordered(
            by: order,
            SearchScope(
                filter: request.filter, candidates: nil, parameters: SearchParameters(),
                scoreThreshold: nil, limit: request.limit))
        let points = try hits.map { hit in
            var record = try record(
                at: hit.location, payload: request.withPayload, vectors: request.withVectors)
            record.orderValue = hit.orderValue
            return record
        }
        return ScrollPage(points: points, nextOffset: nil, version: lsn)
    }

    /// Points in id order, without a ranking.
    func inIDOrder(_ scope: SearchScope) throws -> [Hit] {
        try rowsInIDOrder(from: nil, limit: scope.limit, filter: scope.filter).map {
            Hit(id: $0.id, location: $0.location, score: 0)
        }
    }

    /// Points that have a number or a time in the field, by their first such value, ties by id.
    func ordered(by order: OrderBy, _ scope: SearchScope) throws -> [Hit] {
        switch schema.indexedFields[order.key]?.type {
        case .integer, .float, .datetime: break
        case .keyword, .geo, .text, .bool, .uuid, nil:
            throw DatabaseError.badRequest(
                "Index required but not found for `\(order.key)`: order_by needs a range index "
                    + "(integer, float or datetime) on it")
        }
        var hits: [(hit: Hit, key: Double)] = []
        try forEachAdmitted(scope) { location in
            let segment = segments[location.segment]
            let payload = try segment.payload(at: location.row)
            guard let value = order.value(in: payload), order.starts(at: value.key) else { return }
            hits.append(
                (
                    Hit(
                        id: segment.id(at: location.row), location: location, score: 0,
                        orderValue: value.order), value.key
                ))
        }
        hits.sort { left, right in
            if left.key == right.key { return left.hit.id < right.hit.id }
            return order.direction == .ascending ? left.key < right.key : left.key > right.key
        }
        return hits.prefix(scope.limit).map(\.hit)
    }

    /// Distinct points, each as likely as any other (reservoir sampling: Vitter, "Random sampling
    /// with a reservoir", 1985, algorithm R).
    func randomSample(_ scope: SearchScope) throws -> [Hit] {
        var sample: [Hit] = []
        var seen = 0
        try forEachAdmitted(scope) { location in
            seen += 1
            let hit = Hit(
                id: segments[location.segment].id(at: location.row), location: location, score: 0)
            if sample.count < scope.limit {
                sample.append(hit)
            } else {
                let position = Int.random(in: 0..<seen)
                if position < sample.count { sample[position] = hit }
            }
        }
        return sample.shuffled()
    }

    private func forEachAdmitted(
        _ scope: SearchScope, _ body: (Location) throws -> Void
    ) throws {
        for (index, segment) in segments.enumerated() {
            let admitted = try admittedRows(of: index, scope)
            for row in 0..<segment.writtenCount(through: lsn) where admitted.contains(row) {
                try checkInterruption(at: row)
                try body(Location(segment: index, row: row))
            }
        }
    }

    private func rowsInIDOrder(
        from start: PointID?, limit: Int, filter: Filter?
    ) throws -> [(id: PointID, location: Location)] {
        let scope = SearchScope(
            filter: filter, candidates: nil, parameters: SearchParameters(),
            scoreThreshold: nil, limit: limit)
        var found: [(id: PointID, location: Location)] = []
        for (index, segment) in segments.enumerated() {
            let admitted = try admittedRows(of: index, scope)
            let rows = segment.rowsInIDOrder(
                from: start, limit: limit, writtenCount: segment.writtenCount(through: lsn),
                isWanted: admitted.contains)
            found += rows.map { ($0.id, Location(segment: index, row: $0.row)) }
        }
        found.sort { $0.id < $1.id }
        return Array(found.prefix(limit))
    }

    /// Throws when a selector names a vector field that the collection does not have.
    private func check(_ selector: VectorSelector) throws {
        guard case .named(let names) = selector else { return }
        for name in names
        where configuration.vectors[name] == nil && configuration.sparseVectors[name] == nil {
            throw DatabaseError.vectorNameNotFound(name)
        }
    }
}

extension OrderBy {
    /// The first value at the key that has an order, and that order as a number.
    fileprivate func value(in payload: Payload) -> (order: OrderValue, key: Double)? {
        for value in payload.flattenedValues(at: key) {
            switch value {
            case .integer(let integer): return (.integer(integer), Double(integer))
            case .double(let double): return (.double(double), double)
            case .string(let text):
                guard let time = Timestamp(rfc3339: text) else { continue }
                return (.integer(time.microseconds), Double(time.microseconds))
            case .null, .bool, .array, .object: continue
            }
        }
        return nil
    }

    fileprivate func starts(at key: Double) -> Bool {
        let bound: Double
        switch startFrom {
        case nil: return true
        case .number(let number): bound = number
        case .time(let time): bound = Double(time.microseconds)
        }
        return direction == .ascending ? key >= bound : key <= bound
    }
}
