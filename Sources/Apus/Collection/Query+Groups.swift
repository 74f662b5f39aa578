internal import ApusCore
internal import ApusQuery

extension QueryExecution {
    /// Rankings are fetched this many times at most, each longer than the one before, until the
    /// groups are full.
    private static let attemptsMax = 8

    func groups(_ request: GroupsRequest) throws -> [PointGroup] {
        guard request.groupSize > 0 else {
            throw DatabaseError(
                .validation, "Validation error: group_size: value 0 invalid, must be 1 or larger")
        }
        guard request.query.limit > 0 else { return [] }
        let ranked = try limited(by: request.query).fullGroups(request)
        var memory = MemoryBudget(request.query.budget)
        return try ranked.map { group in
            let hits = try group.hits.map { try point(at: $0, request.query, &memory) }
            return PointGroup(
                id: group.id, hits: hits,
                lookup: try request.withLookup.flatMap { try lookup(group.id, $0) })
        }
    }

    private typealias RankedGroup = (id: GroupID, hits: [Hit])

    /// A ranking is as long as it needs to be: the points of the best groups may lie far behind
    /// those of a group that is full already.
    private func fullGroups(_ request: GroupsRequest) throws -> [RankedGroup] {
        let total = max(1, view.rowCount)
        let (wanted, overflow) = request.query.limit.multipliedReportingOverflow(
            by: request.groupSize)
        var length = min(total, overflow ? total : max(wanted, 64))
        for attempt in 1... {
            var query = request.query
            query.offset = 0
            query.limit = attempt == Self.attemptsMax ? total : length
            var memory = MemoryBudget(query.budget)
            try memory.take(rankingsOf: query, rowCount: total)
            let hits = try hits(query)
            var collector = GroupCollector<Hit>(
                limit: request.query.limit, groupSize: request.groupSize)
            for hit in hits where !collector.isComplete {
                let segment = view.segments[hit.location.segment]
                let payload = try segment.payload(at: hit.location.row)
                collector.add(hit, values: payload.flattenedValues(at: request.groupBy))
            }
            if collector.isComplete || hits.count < query.limit || query.limit == total {
                return collector.groups
            }
            length = min(total, length * 4)
        }
        return []
    }

    private func lookup(_ id: GroupID, _ lookup: GroupsRequest.GroupLookup) throws -> Record? {
        guard let point = id.pointID else { return nil }
        return try collection.context.collection(lookup.collection).reading { view in
            try view.records(
                [point], payload: lookup.withPayload, vectors: lookup.withVectors)
        }.first
    }
}

extension GroupID {
    fileprivate var pointID: PointID? {
        switch self {
        case .unsigned(let number): .number(number)
        case .integer(let integer): UInt64(exactly: integer).map(PointID.number)
        case .string(let text): UUIDBytes(text).map(PointID.uuid)
        }
    }
}
