package import ApusIndex

#if canImport(Darwin)
private import Darwin
#else
private import Glibc
#endif

/// What the planner knows of a segment and a filter.
package struct SegmentStatistics: Hashable, Sendable {
    /// Rows that the reader may see, deleted ones included.
    package var rowCount: Int
    /// Rows that match the filter; nil: there is none.
    package var matchCount: Int?
    /// Rows that are in the graph, from the first one on.
    package var indexedCount: Int
    package var vectorByteCount: Int
    /// Bytes of a vector's codes, by which it can be measured; nil: there are none.
    package var codeByteCount: Int?
    /// What recall walks of the graph were measured to have; nil: it is not known.
    package var recallCurve: RecallCurve?
    /// Lists of the IVF index; nil: there is none.
    package var listCount: Int?
    /// Lists of it that each row is in.
    package var listsPerRow: Int

    package init(
        rowCount: Int, matchCount: Int?, indexedCount: Int, vectorByteCount: Int,
        codeByteCount: Int? = nil, recallCurve: RecallCurve? = nil, listCount: Int? = nil,
        listsPerRow: Int = 1
    ) {
        self.listsPerRow = listsPerRow
        self.recallCurve = recallCurve
        self.listCount = listCount
        self.rowCount = rowCount
        self.matchCount = matchCount
        self.indexedCount = indexedCount
        self.vectorByteCount = vectorByteCount
        self.codeByteCount = codeByteCount
    }

    package var hasCodes: Bool { codeByteCount != nil }

    /// The share of rows that match.
    var share: Double {
        Double(max(1, matchCount ?? rowCount)) / Double(max(1, rowCount))
    }
}

/// What the request and the collection's configuration say.
package struct SearchSettings: Hashable, Sendable {
    package var limit: Int
    /// The candidate list that the caller asked for; nil: the default.
    package var ef: Int?
    /// The recall that the caller asked for; nil: the default list decides.
    package var targetRecall: Double?
    /// Lists of an IVF index to look into, as the caller or the configuration says.
    package var probes: Int?
    package var exact: Bool
    package var indexedOnly: Bool
    /// Whether what codes have found is measured by the vectors.
    package var rescores: Bool
    package var defaultEf: Int
    /// Below this many bytes of vectors a scan is used and no graph; nil: costs decide.
    package var fullScanByteCount: Int?
    /// Links per node; 0: there is no graph.
    package var m: Int
    /// What the search may take; nil: as long as it needs. A walk takes a shorter list for it.
    package var nanosecondsMax: Double?

    package init(
        limit: Int, ef: Int?, targetRecall: Double? = nil, probes: Int? = nil, exact: Bool,
        indexedOnly: Bool, rescores: Bool = true, defaultEf: Int, fullScanByteCount: Int? = nil,
        m: Int
    ) {
        self.probes = probes
        self.targetRecall = targetRecall
        self.limit = limit
        self.ef = ef
        self.exact = exact
        self.indexedOnly = indexedOnly
        self.rescores = rescores
        self.defaultEf = defaultEf
        self.fullScanByteCount = fullScanByteCount
        self.m = m
    }
}

/// How one segment is searched.
package enum Plan: Hashable, Sendable {
    /// Compare with every row that may be returned.
    case scan
    /// The same by codes, and of so many nearest as many as it takes by their vectors.
    case codeScan(candidates: Int)
    /// Walk the graph with a candidate list of `ef`, around the rows that may not be returned or
    /// through them; then scan the rows that are not in it yet, unless only indexed rows are wanted.
    case graph(ef: Int, skipsRefused: Bool, scanTail: Bool)
    /// The same walk, past the filter, and of so many nearest those that match: for filters whose rows
    /// take longer to find than the answers take to look at.
    case graphThenFilter(ef: Int, candidates: Int, scanTail: Bool)
    /// Look into so many lists of an IVF index, and measure so many of the nearest by their vectors.
    case lists(probes: Int, candidates: Int)

    /// The sizes that its candidate list, or number of lists, can be cut to; nil: it has none.
    fileprivate func listRange(least: Int) -> Range<Int>? {
        switch self {
        case .scan, .codeScan: nil
        case .graph(let ef, _, _): min(least, ef)..<max(min(least, ef) + 1, ef)
        // With fewer candidates too few would match.
        case .graphThenFilter(let ef, let candidates, _):
            min(candidates, ef)..<max(min(candidates, ef) + 1, ef)
        case .lists(let probes, _): 1..<max(2, probes)
        }
    }

    fileprivate func withList(_ size: Int) -> Plan {
        switch self {
        case .scan, .codeScan: self
        case .graph(_, let skipsRefused, let scanTail):
            .graph(ef: size, skipsRefused: skipsRefused, scanTail: scanTail)
        case .graphThenFilter(_, let candidates, let scanTail):
            .graphThenFilter(ef: size, candidates: candidates, scanTail: scanTail)
        case .lists(_, let candidates): .lists(probes: size, candidates: candidates)
        }
    }
}

/// Chooses a plan. A pure function: the same facts give the same plan.
///
/// What a plan costs is how many rows it reads, and in which way, times what that costs on this machine
/// (`CostModel`). A walk reads the links of a node for each entry of its candidate list, and measures
/// those neighbours that it has not met; when it goes through rows that do not match, it needs more of
/// both by the share of those that do. One that goes around them looks at the links of the links
/// instead, and needs half as long a list again for the same recall. The numbers were measured on text
/// embeddings (docs/performance.md, "What the planner chooses").
package enum Planner {
    /// Neighbours that a step of a walk measures, by links of a node.
    private static let measuredPerLink = 0.5
    /// Work of a step beside reading: the candidate list, the marks of what was met.
    private static let stepCost = 80.0
    /// A walk through rows that do not match meets many of them again: it takes less than one step more
    /// for each that is refused where one is admitted.
    private static let throughExponent = 0.93
    /// Of a step around refused rows, for each of its links that leads to one: the links of that.
    private static let detourCostPerLink = 43.0
    /// Few rows that match lie too far apart for steps of two links: for each row that is refused where
    /// one is admitted.
    private static let detourCostPerRefused = 6.0
    private static let detourListFactor = 1.5
    private static let queryCodeCostPerByte = 1.0
    /// Rows that a scan by codes keeps to measure by their vectors, at least.
    private static let scanCandidatesMin = 64

    /// What a scan by codes finds at least, in the mean: its answers are measured by the vectors.
    private static let scanRecall = 0.999
    /// The recall that the default candidate list is to reach; it grows for that, up to so many
    /// times.
    static let defaultRecall = 0.95
    private static let defaultGrowthMax = 4

    package static func plan(
        _ segment: SegmentStatistics, _ settings: SearchSettings, _ costs: CostModel = .typical
    ) -> Plan {
        if settings.exact { return .scan }
        let options = options(segment, settings, costs)
        if let bytesMax = settings.fullScanByteCount, !settings.indexedOnly,
            segment.listCount == nil
        {
            let (bytes, overflow) = (segment.matchCount ?? segment.rowCount)
                .multipliedReportingOverflow(by: segment.vectorByteCount)
            if !overflow, bytes <= bytesMax, let scan = options.first(where: \.plan.isScan) {
                return scan.plan
            }
        }
        let allowed = settings.indexedOnly ? options.filter { !$0.plan.isScan } : options
        let candidates = allowed.isEmpty ? options : allowed
        guard let cheapest = candidates.min(by: { $0.cost < $1.cost }) else { return .scan }
        guard let most = settings.nanosecondsMax, cheapest.cost > most else { return cheapest.plan }
        return affordable(most, segment, settings, costs) ?? cheapest.plan
    }

    /// The walk or probe with the longest list that fits, whatever its recall, or, where none does,
    /// the cheapest one; nil: there is no index.
    private static func affordable(
        _ most: Double, _ segment: SegmentStatistics, _ settings: SearchSettings,
        _ costs: CostModel
    ) -> Plan? {
        var plans = plans(segment, settings)
        if settings.targetRecall != nil {
            // No list may reach it: then the longest that time allows is the best there is.
            var relaxed = settings
            relaxed.targetRecall = nil
            relaxed.ef = grown(max(settings.defaultEf, settings.limit))
            plans += Self.plans(segment, relaxed)
        }
        func cost(_ plan: Plan) -> Double { Self.cost(of: plan, segment, settings, costs) }
        let shortened = plans.compactMap { Self.shortened($0, to: most, segment, settings, costs) }
        let fitting = shortened.filter { cost($0) <= most }
        let recall = { (plan: Plan) in
            expectedRecall(of: plan, segment, limit: settings.limit) ?? 0
        }
        return fitting.max { recall($0) < recall($1) } ?? shortened.min { cost($0) < cost($1) }
    }

    /// A plan with the longest list that fits, or the shortest where none does; nil: it has no list.
    static func shortened(
        _ plan: Plan, to most: Double, _ segment: SegmentStatistics, _ settings: SearchSettings,
        _ costs: CostModel
    ) -> Plan? {
        guard let range = plan.listRange(least: max(1, settings.limit)) else { return nil }
        var (fits, tooLong) = (range.lowerBound, range.upperBound)
        while tooLong - fits > 1 {
            let middle = fits + (tooLong - fits) / 2
            let cost = cost(of: plan.withList(middle), segment, settings, costs)
            if cost <= most { fits = middle } else { tooLong = middle }
        }
        return plan.withList(fits)
    }

    /// Every plan that a request could be carried out by at the recall that it wants, with its cost.
    package static func options(
        _ segment: SegmentStatistics, _ settings: SearchSettings, _ costs: CostModel = .typical
    ) -> [PlanOption] {
        plans(segment, settings).map { plan in
            PlanOption(plan: plan, cost: cost(of: plan, segment, settings, costs))
        }
    }

    private static func plans(
        _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> [Plan] {
        if settings.exact { return [.scan] }
        if let listCount = segment.listCount {
            let probes = probes(listCount, segment, settings)
            let candidates = listCandidates(segment, settings)
            return [.scan] + (probes.map { [.lists(probes: $0, candidates: candidates)] } ?? [])
        }
        let ef = candidateList(segment, settings)
        var plans = [Plan.scan]
        if segment.hasCodes, settings.targetRecall ?? 0 <= scanRecall {
            plans = [.codeScan(candidates: scanCandidates(ef, settings)), .scan]
        }
        guard let ef, settings.m > 0, segment.indexedCount > 0 else { return plans }
        let scanTail = !settings.indexedOnly
        plans.append(.graph(ef: ef, skipsRefused: false, scanTail: scanTail))
        // Without a filter nothing is refused but what was deleted.
        if segment.matchCount != nil {
            plans.append(.graph(ef: detourList(ef), skipsRefused: true, scanTail: scanTail))
        }
        return plans
    }

    /// Nanoseconds that a plan should take.
    package static func cost(
        of plan: Plan, _ segment: SegmentStatistics, _ settings: SearchSettings, _ costs: CostModel
    ) -> Double {
        let count = segment.rowCount
        let matchCount = Double(segment.matchCount ?? count)
        let share = segment.share
        let walkedBytes = segment.codeByteCount ?? segment.vectorByteCount
        /// Of measuring what codes have found.
        func rescoring(_ candidates: Int) -> Double {
            segment.hasCodes && settings.rescores
                ? Double(candidates) * costs.walkedRow(bytes: segment.vectorByteCount, of: count)
                : 0
        }
        func scan(_ bytes: Int) -> Double {
            costs.scannedRow(bytes: bytes, of: count, share: share)
        }
        switch plan {
        case .scan:
            return matchCount * scan(segment.vectorByteCount)
        case .codeScan(let candidates):
            // The query's own code is made first, whatever matches.
            return queryCodeCostPerByte * Double(segment.vectorByteCount)
                + matchCount * scan(walkedBytes)
                + rescoring(min(candidates, segment.matchCount ?? count))
        case .graph(let ef, let skipsRefused, let scanTail):
            let links = Double(2 * settings.m)
            var step =
                stepCost + costs.latency
                + links * measuredPerLink * costs.walkedRow(bytes: walkedBytes, of: count)
            if skipsRefused {
                step +=
                    links * (1 - share) * detourCostPerLink + detourCostPerRefused * (1 / share - 1)
            } else {
                step /= pow(share, throughExponent)
            }
            let tail = Double(count - segment.indexedCount) * share
            let rescored = min(max(ef, settings.limit), doubled(settings.limit))
            return Double(ef) * step + rescoring(rescored)
                + (scanTail ? tail * scan(walkedBytes) : 0)
        case .graphThenFilter(let ef, let candidates, let scanTail):
            var unfiltered = segment
            unfiltered.matchCount = nil
            let walk = Plan.graph(ef: ef, skipsRefused: false, scanTail: scanTail)
            return cost(of: walk, unfiltered, settings, costs)
                + Double(candidates) / surplus * payloadCost.alone
        case .lists(let probes, let candidates):
            return listCost(probes, candidates, segment, costs)
                * (segment.matchCount == nil ? 1 : listDoubt)
        }
    }

    private static func detourList(_ ef: Int) -> Int {
        let list = Double(ef) * detourListFactor
        return list < Double(Int32.max) ? Int(list) : ef
    }

    private static func scanCandidates(_ ef: Int?, _ settings: SearchSettings) -> Int {
        max(ef ?? settings.defaultEf, doubled(settings.limit), scanCandidatesMin)
    }

    /// The recall@limit to expect of a plan; nil: nothing was measured that tells.
    package static func expectedRecall(
        of plan: Plan, _ segment: SegmentStatistics, limit: Int
    ) -> Double? {
        switch plan {
        case .scan: return 1
        case .codeScan: return scanRecall
        case .graph(let ef, let skipsRefused, _):
            let list = skipsRefused ? Int(Double(ef) / detourListFactor) : ef
            return segment.recallCurve?.recall(ef: list, k: limit)
        case .graphThenFilter(let ef, _, _):
            return segment.recallCurve?.recall(ef: ef, k: depth(limit, segment))
        case .lists(let probes, _):
            return segment.recallCurve?.recall(ef: probes, k: depth(limit, segment))
        }
    }

    /// The size of the candidate list of a walk; nil: none that was measured finds enough.
    static func candidateList(
        _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> Int? {
        let limit = max(1, settings.limit)
        if let ef = settings.ef { return max(ef, limit) }
        let preset = max(settings.defaultEf, limit)
        guard let curve = segment.recallCurve else {
            // Not measured: the default list goes for what it is meant for.
            return settings.targetRecall ?? 0 > defaultRecall ? nil : preset
        }
        if let target = settings.targetRecall {
            return curve.ef(reaching: target, k: limit)
        }
        return max(
            preset, min(curve.ef(reaching: defaultRecall, k: limit) ?? .max, grown(preset)))
    }

    private static func grown(_ list: Int) -> Int { list.multiplied(atMostBy: defaultGrowthMax) }

    private static func doubled(_ limit: Int) -> Int { limit.multiplied(atMostBy: 2) }
}

extension Int {
    /// The product, or itself where there is none: numbers of callers may be of any size.
    fileprivate func multiplied(atMostBy factor: Int) -> Int {
        let (product, overflow) = multipliedReportingOverflow(by: factor)
        return overflow ? self : product
    }
}
