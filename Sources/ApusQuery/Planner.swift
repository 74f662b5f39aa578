/// What the planner knows of a segment and a filter.
package struct SegmentStatistics: Hashable, Sendable {
    /// Rows that the reader may see, deleted ones included.
    package var rowCount: Int
    /// Rows that match the filter; nil: there is none.
    package var matchCount: Int?
    /// Rows that are in the graph, from the first one on.
    package var indexedCount: Int
    package var vectorByteCount: Int

    package init(rowCount: Int, matchCount: Int?, indexedCount: Int, vectorByteCount: Int) {
        self.rowCount = rowCount
        self.matchCount = matchCount
        self.indexedCount = indexedCount
        self.vectorByteCount = vectorByteCount
    }
}

/// What the request and the collection's configuration say.
package struct SearchSettings: Hashable, Sendable {
    package var limit: Int
    /// The candidate list that the caller asked for; nil: the default.
    package var ef: Int?
    package var exact: Bool
    package var indexedOnly: Bool
    package var defaultEf: Int
    /// Below this many bytes of vectors a scan is used and no graph.
    package var fullScanByteCount: Int
    /// Links per node; 0: there is no graph.
    package var m: Int

    package init(
        limit: Int, ef: Int?, exact: Bool, indexedOnly: Bool, defaultEf: Int,
        fullScanByteCount: Int, m: Int
    ) {
        self.limit = limit
        self.ef = ef
        self.exact = exact
        self.indexedOnly = indexedOnly
        self.defaultEf = defaultEf
        self.fullScanByteCount = fullScanByteCount
        self.m = m
    }
}

/// How one segment is searched.
package enum Plan: Hashable, Sendable {
    /// Compare with every row that may be returned.
    case scan
    /// Walk the graph with a candidate list of `ef`; then scan the rows that are not in it yet,
    /// unless only indexed rows are wanted.
    case graph(ef: Int, scanTail: Bool)
}

/// Chooses a plan. A pure function: the same facts give the same plan.
package enum Planner {
    /// A walk is taken to compute this many distances for each entry of its candidate list: a rule
    /// of thumb for m = 16, not calibrated yet.
    private static let distancesPerCandidate = 16

    /// A distance in a walk is taken to cost this many of a scan's, as its rows lie all over memory.
    private static let randomAccessFactor = 2

    package static func plan(_ segment: SegmentStatistics, _ settings: SearchSettings) -> Plan {
        let graphExists = settings.m > 0 && segment.indexedCount > 0
        guard graphExists, !settings.exact else { return .scan }
        let ef = max(settings.ef ?? settings.defaultEf, settings.limit)
        let matchCount = segment.matchCount ?? segment.rowCount
        if !settings.indexedOnly {
            let (bytes, overflow) = matchCount.multipliedReportingOverflow(
                by: segment.vectorByteCount)
            if !overflow, bytes <= settings.fullScanByteCount { return .scan }
            if walkCost(ef: ef, matchCount: matchCount, rowCount: segment.rowCount) >= matchCount {
                return .scan
            }
        }
        return .graph(ef: ef, scanTail: !settings.indexedOnly)
    }

    /// In distances of a scan. To find `ef` rows that match, a walk passes `ef / selectivity` rows.
    private static func walkCost(ef: Int, matchCount: Int, rowCount: Int) -> Int {
        let selectivity = Double(max(1, matchCount)) / Double(max(1, rowCount))
        let cost =
            Double(ef) / selectivity * Double(distancesPerCandidate * randomAccessFactor)
        return cost < Double(Int.max / 2) ? Int(cost) : Int.max
    }
}
