internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusQuery

extension ReadView {
    /// Below this many nanoseconds a search takes no longer on one thread than it does to wake others.
    private static let sharedCostMin = 200_000.0

    func nearestDense(
        to query: [Float], field name: String, metric: Metric, _ scope: SearchScope
    ) throws -> [Hit] {
        var searches = try segments.indices.compactMap { segment in
            try scope.shared[segment]
                ?? plannedSearch(for: query, field: name, inSegment: segment, scope)
        }
        var results = run(searches, limit: scope.searchLimit, isTimed: scope.recorder != nil)
        try interruption?.check()
        for index in searches.indices {
            let isAnswered = try searches[index].filter(
                &results[index], limit: scope.searchLimit, interruption)
            if isAnswered { continue }
            // Too few of what was found match: now the rows of the filter are needed after all.
            var scope = scope
            scope.evaluatesFilters = true
            guard
                let search = try plannedSearch(
                    for: query, field: name, inSegment: searches[index].segment, scope)
            else { continue }
            searches[index] = search
            results[index] =
                run(
                    [search], limit: scope.searchLimit, isTimed: scope.recorder != nil)[0]
            try interruption?.check()
        }
        var hits: [Hit] = []
        var recalls = [Double?](repeating: 1, count: segments.count)
        for (search, result) in zip(searches, results) {
            recalls[search.segment] = search.recallExpected
            if let recorder = scope.recorder {
                recorder.note(
                    try search.explained(
                        field: name, result, limit: scope.searchLimit, recorder.detail,
                        interruption))
            }
            for neighbour in result.found {
                hits.append(
                    Hit(
                        id: segments[search.segment].id(at: Int(neighbour.ordinal)),
                        location: Location(segment: search.segment, row: Int(neighbour.ordinal)),
                        score: metric.score(ofDistance: neighbour.distance)))
            }
        }
        let best = metric.best(hits, scope)
        scope.recall.note(best.map { recalls[$0.location.segment] })
        return best
    }

    /// nil: the segment has nothing in the field.
    func plannedSearch(
        for query: [Float], field name: String, inSegment index: Int, _ scope: SearchScope
    ) throws -> PlannedSearch? {
        let segment = segments[index]
        let written = segment.writtenCount(through: lsn)
        guard written > 0, let field = try segment.denseField(name) else { return nil }
        var statistics = SegmentStatistics(
            rowCount: written, matchCount: nil,
            indexedCount: min(written, field.index?.indexedCount ?? 0),
            vectorByteCount: field.vectors.dimension * field.vectors.element.byteCount,
            codeByteCount: scope.parameters.ignoresCodes ? nil : field.index?.codes?.stride,
            recallCurve: field.index?.recallCurve ?? field.ivf?.recallCurve,
            listCount: field.ivf?.parameters.listCount,
            listsPerRow: field.ivf?.parameters.listsPerRow ?? 1)
        var settings = settings(of: name, scope)
        if let limit = scope.timeLimit {
            // The segments share what is left, by their rows.
            let share = Double(written) / Double(max(1, rowCount))
            settings.nanosecondsMax =
                share * (ContinuousClock.now.duration(to: limit) / .nanoseconds(1))
        }
        let recorder = scope.recorder
        var timer = recorder.map { _ in PlanningTimer() }
        var (open, early): (OpenFilter?, Plan?)
        var bitmap: Bitmap?
        switch try knowledge(ofFilterIn: scope, in: segment, writtenCount: written) {
        case .rows(let rows):
            bitmap = rows
            recorder?.noteFilter(
                matchCount: rows.cardinality(below: written), estimate: nil, rowsRead: nil,
                duration: timer?.elapsed ?? .zero)
        case .open(let filter):
            open = filter
            statistics.matchCount = Int(filter.estimate.matching.expected)
            if !scope.evaluatesFilters, recorder?.detail != .outcomes {
                early = Planner.planBeforeFilter(
                    statistics, filter.estimate, askedCount: filter.askedCount, settings, costs)
            }
        case nil: break
        }
        timer?.pause()
        if early == nil {
            bitmap =
                try bitmap
                ?? self.bitmap(for: scope, of: index, writtenCount: written, open: open)
            statistics.matchCount = bitmap?.cardinality
        }
        timer?.resume()
        let plan = early ?? Planner.plan(statistics, settings, costs)
        timer?.pause()
        let presence =
            (field.presence?.absentCount ?? 0) == 0
            ? nil
            : try matches(
                Filter(must: [.hasVector(name)]), in: segment, writtenCount: written)
        let rescoring = scope.parameters.rescoring(limit: scope.searchLimit)
        // Recall was measured of walks whose answers are ordered by the vectors.
        let isMeasured = plan == .scan || !statistics.hasCodes || rescoring == .asNeeded
        return PlannedSearch(
            segment: index,
            search: DenseSearch(
                segment: segment, field: field, query: query, lsn: lsn, writtenCount: written,
                filter: bitmap, usesCodes: !scope.parameters.ignoresCodes, rescoring: rescoring,
                presence: presence),
            statistics: statistics, settings: settings, costs: costs, plan: plan,
            recallExpected: isMeasured
                ? Planner.expectedRecall(of: plan, statistics, limit: scope.searchLimit) : nil,
            openFilter: early == nil ? nil : open, filterResult: scope.recorder?.takeFilter(),
            planning: timer?.duration ?? .zero)
    }

    /// nil: there is no filter, or one whose rows are looked for in any case.
    private func knowledge(
        ofFilterIn scope: SearchScope, in segment: any Segment, writtenCount: Int
    ) throws -> FilterKnowledge? {
        guard let filter = scope.filter, !filter.isEmpty, scope.candidates == nil,
            !scope.parameters.exact
        else { return nil }
        return try knowledge(of: filter, in: segment, writtenCount: writtenCount)
    }

    /// The recall@`limit` to expect of a search of all points that asks for nothing special; nil: there
    /// are no points, or nothing was measured that tells.
    func expectedRecall(of name: String, limit: Int) throws -> Double? {
        guard let dimension = configuration.vectors[name]?.dimension else { return nil }
        let scope = SearchScope(parameters: SearchParameters(), limit: limit)
        // Plans look at what a search costs, and that is the same for every vector.
        let query = [Float](repeating: 0, count: dimension)
        var (found, rows) = (0.0, 0)
        for index in segments.indices {
            guard let search = try plannedSearch(for: query, field: name, inSegment: index, scope)
            else { continue }
            guard let recall = search.recallExpected else { return nil }
            found += recall * Double(search.statistics.rowCount)
            rows += search.statistics.rowCount
        }
        return rows > 0 ? found / Double(rows) : nil
    }

    private func settings(of name: String, _ scope: SearchScope) -> SearchSettings {
        let field = configuration.vectors[name]
        let hnsw = configuration.hnsw.applying(field?.hnsw)
        return SearchSettings(
            limit: scope.parameters.candidatesMin(limit: scope.searchLimit),
            ef: scope.parameters.ef, targetRecall: scope.parameters.targetRecall,
            probes: scope.parameters.targetRecall == nil
                ? scope.parameters.probes ?? field?.ivf?.probes : nil,
            exact: scope.parameters.exact, indexedOnly: scope.parameters.indexedOnly,
            rescores: scope.parameters.rescores,
            defaultEf: hnsw.efConstruct,
            // Whoever leaves it as it is, leaves it to the planner.
            fullScanByteCount: hnsw.fullScanThreshold == HNSWConfiguration().fullScanThreshold
                ? nil : hnsw.fullScanThreshold * 1024,
            m: hnsw.m)
    }

    /// What each search finds. Long ones are shared with threads that have nothing else to do.
    private func run(
        _ searches: [PlannedSearch], limit: Int, isTimed: Bool
    ) -> [PlannedSearch.Result] {
        let own = searches.indices.filter { searches[$0].shared == nil }
        let pieces = own.flatMap { index in
            searches[index].search.pieces(of: searches[index].plan).map { (index, $0) }
        }
        let interruption = interruption
        let run: @Sendable (Int) -> PlannedSearch.Result = { number in
            let (index, rows) = pieces[number]
            return searches[index].run(rows, limit: limit, interruption, isTimed: isTimed)
        }
        var results = searches.map { $0.shared?.result ?? PlannedSearch.Result() }
        if pieces.count > 1, let helpers, helpers.idleCount > 0,
            own.reduce(0, { $0 + searches[$1].cost }) >= Self.sharedCostMin
        {
            let found = helpers.map(iterations: pieces.count, run)
            for (piece, result) in zip(pieces, found) { results[piece.0].add(result) }
        } else {
            for number in pieces.indices { results[pieces[number].0].add(run(number)) }
        }
        return results
    }
}
