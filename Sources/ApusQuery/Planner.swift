package import ApusIndex

/// What the planner knows of a segment and a filter.
package struct SegmentStatistics: Hashable, Sendable {
    /// Rows that the reader may see, deleted ones included.
    package var rowCount: Int
    /// Rows that match the filter; nil: there is none.
    package var matchCount: Int?
    /// Rows that are in the graph, from the first one on.
    package var indexedCount: Int
    package var vectorByteCount: Int
    /// Whether vectors have codes, by which they can be measured.
    package var hasCodes: Bool
    /// What recall walks of the graph were measured to have; nil: it is not known.
    package var recallCurve: RecallCurve?
    /// Lists of the IVF index; nil: there is none.
    package var listCount: Int?

    package init(
        rowCount: Int, matchCount: Int?, indexedCount: Int, vectorByteCount: Int,
        hasCodes: Bool = false, recallCurve: RecallCurve? = nil, listCount: Int? = nil
    ) {
        self.recallCurve = recallCurve
        self.listCount = listCount
        self.rowCount = rowCount
        self.matchCount = matchCount
        self.indexedCount = indexedCount
        self.vectorByteCount = vectorByteCount
        self.hasCodes = hasCodes
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
    package var defaultEf: Int
    /// Below this many bytes of vectors a scan is used and no graph.
    package var fullScanByteCount: Int
    /// Links per node; 0: there is no graph.
    package var m: Int

    package init(
        limit: Int, ef: Int?, targetRecall: Double? = nil, probes: Int? = nil, exact: Bool,
        indexedOnly: Bool, defaultEf: Int, fullScanByteCount: Int, m: Int
    ) {
        self.probes = probes
        self.targetRecall = targetRecall
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
    /// The same by codes, and of so many nearest as many as it takes by their vectors.
    case codeScan(candidates: Int)
    /// Walk the graph with a candidate list of `ef`, around the rows that may not be returned or
    /// through them; then scan the rows that are not in it yet, unless only indexed rows are wanted.
    case graph(ef: Int, skipsRefused: Bool, scanTail: Bool)
    /// Look into so many lists of an IVF index, and measure so many of the nearest by their vectors.
    case lists(probes: Int, candidates: Int)
}

/// Chooses a plan. A pure function: the same facts give the same plan.
///
/// Costs are in rows of a scan. Measured on 100,000 text embeddings of 384 floats by codes
/// (docs/performance.md, "Filtered search" and "What the planner chooses"): a walk costs 38 for each
/// entry of its candidate list, divided by the share of rows that match when it goes through the
/// others; one that goes around them costs 70, and 1 more divided by that share, and needs half as
/// long a list again for the same recall. Scans live on memory bandwidth, walks on its latency, so
/// what else the machine does moves these by a factor of 1.7 either way: they are the middle.
package enum Planner {
    private static let walkCostPerCandidate = 38.0
    private static let detourCostPerCandidate = 70.0
    private static let detourCostPerRefused = 1.0
    private static let detourListFactor = 1.5
    /// Rows that a scan by codes keeps to measure by their vectors, at least.
    private static let scanCandidatesMin = 64
    /// A row by its vector in a scan, beside one by its code: four times the bytes.
    private static let vectorCost = 4.0

    /// What a scan by codes finds at least, in the mean: its answers are measured by the vectors.
    private static let scanRecall = 0.999
    /// The recall that the default candidate list is to reach; it grows for that, up to so many
    /// times.
    private static let defaultRecall = 0.95
    private static let defaultGrowthMax = 4

    package static func plan(_ segment: SegmentStatistics, _ settings: SearchSettings) -> Plan {
        if settings.exact { return .scan }
        if let listCount = segment.listCount { return planLists(listCount, segment, settings) }
        let ef = candidateList(segment, settings)
        let scan: Plan =
            segment.hasCodes && settings.targetRecall ?? 0 <= scanRecall
            ? .codeScan(candidates: scanCandidates(ef, settings)) : .scan
        guard let ef, settings.m > 0, segment.indexedCount > 0 else { return scan }
        let matchCount = segment.matchCount ?? segment.rowCount
        let through = costThrough(ef, segment)
        let around = costAround(ef, segment)
        if !settings.indexedOnly {
            let (bytes, overflow) = matchCount.multipliedReportingOverflow(
                by: segment.vectorByteCount)
            if !overflow, bytes <= settings.fullScanByteCount { return scan }
            if min(through, around) >= Double(matchCount) { return scan }
        }
        // Without a filter nothing is refused but what was deleted.
        if segment.matchCount == nil || through <= around {
            return .graph(ef: ef, skipsRefused: false, scanTail: !settings.indexedOnly)
        }
        return .graph(
            ef: detourList(ef), skipsRefused: true, scanTail: !settings.indexedOnly)
    }

    /// Every plan that a request could be carried out by at the recall that it wants, with its cost;
    /// for explanations.
    package static func options(
        _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> [PlanOption] {
        let matchCount = Double(segment.matchCount ?? segment.rowCount)
        var options = [PlanOption(plan: .scan, cost: matchCount * scanCost(segment))]
        if settings.exact { return options }
        if let listCount = segment.listCount {
            if let probes = probes(listCount, segment, settings) {
                let candidates = listCandidates(segment, settings)
                options.append(
                    PlanOption(
                        plan: .lists(probes: probes, candidates: candidates),
                        cost: listCost(probes, candidates, of: listCount, segment)))
            }
            return options
        }
        let ef = candidateList(segment, settings)
        if segment.hasCodes, settings.targetRecall ?? 0 <= scanRecall {
            options.append(
                PlanOption(
                    plan: .codeScan(candidates: scanCandidates(ef, settings)), cost: matchCount))
        }
        guard let ef, settings.m > 0, segment.indexedCount > 0 else { return options }
        options.append(
            PlanOption(
                plan: .graph(ef: ef, skipsRefused: false, scanTail: !settings.indexedOnly),
                cost: costThrough(ef, segment)))
        if segment.matchCount != nil {
            options.append(
                PlanOption(
                    plan: .graph(
                        ef: detourList(ef), skipsRefused: true, scanTail: !settings.indexedOnly),
                    cost: costAround(ef, segment)))
        }
        return options
    }

    /// The share of rows that match.
    private static func share(_ segment: SegmentStatistics) -> Double {
        Double(max(1, segment.matchCount ?? segment.rowCount)) / Double(max(1, segment.rowCount))
    }

    private static func costThrough(_ ef: Int, _ segment: SegmentStatistics) -> Double {
        walkCostPerCandidate * Double(ef) / share(segment)
    }

    private static func costAround(_ ef: Int, _ segment: SegmentStatistics) -> Double {
        Double(ef) * detourListFactor
            * (detourCostPerCandidate + detourCostPerRefused / share(segment))
    }

    private static func detourList(_ ef: Int) -> Int {
        let list = Double(ef) * detourListFactor
        return list < Double(Int32.max) ? Int(list) : ef
    }

    /// What a row costs by its vector, where one by its code costs 1.
    private static func scanCost(_ segment: SegmentStatistics) -> Double {
        segment.hasCodes ? vectorCost : 1
    }

    private static func scanCandidates(_ ef: Int?, _ settings: SearchSettings) -> Int {
        max(ef ?? settings.defaultEf, 2 * settings.limit, scanCandidatesMin)
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
        case .lists(let probes, _):
            return segment.recallCurve?.recall(ef: probes, k: depth(limit, segment))
        }
    }

    /// The size of the candidate list of a walk; nil: none that was measured finds enough.
    private static func candidateList(
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
        let (most, overflow) = preset.multipliedReportingOverflow(by: defaultGrowthMax)
        let grown = curve.ef(reaching: defaultRecall, k: limit) ?? .max
        return max(preset, overflow ? preset : min(grown, most))
    }
}

// MARK: - IVF

extension Planner {
    /// In rows of a scan of vectors: a centroid, a row by its product code, a candidate.
    private static let centroidCost = 0.5
    private static let productCodeCost = 0.05
    private static let candidateCost = 2.0

    private static func planLists(
        _ listCount: Int, _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> Plan {
        guard let probes = probes(listCount, segment, settings) else { return .scan }
        let candidates = listCandidates(segment, settings)
        let matchCount = segment.matchCount ?? segment.rowCount
        let cost = listCost(probes, candidates, of: listCount, segment)
        return Double(matchCount) <= cost ? .scan : .lists(probes: probes, candidates: candidates)
    }

    private static func listCandidates(
        _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> Int {
        min(
            max(IVFIndex.candidates(k: settings.limit), settings.limit), max(1, segment.rowCount))
    }

    private static func listCost(
        _ probes: Int, _ candidates: Int, of listCount: Int, _ segment: SegmentStatistics
    ) -> Double {
        let looked = Double(probes) / Double(max(1, listCount)) * Double(segment.rowCount)
        return Double(listCount) * centroidCost + looked * productCodeCost
            + Double(candidates) * candidateCost
    }

    /// nil: no number that was measured finds enough, or nothing was measured, as in small segments.
    private static func probes(
        _ listCount: Int, _ segment: SegmentStatistics, _ settings: SearchSettings
    ) -> Int? {
        if let probes = settings.probes { return min(max(1, probes), listCount) }
        guard let curve = segment.recallCurve else { return nil }
        let found = curve.ef(
            reaching: settings.targetRecall ?? defaultRecall,
            k: depth(max(1, settings.limit), segment))
        return found.map { min($0, listCount) } ?? (settings.targetRecall == nil ? listCount : nil)
    }

    /// How many neighbours hold `limit` that match, where one row in so many does: the nearest of
    /// them lie as far as those.
    private static func depth(_ limit: Int, _ segment: SegmentStatistics) -> Int {
        guard let matchCount = segment.matchCount, segment.rowCount > 0 else { return limit }
        let share = Double(max(1, matchCount)) / Double(segment.rowCount)
        return Int(min(Double(limit) / share, Double(Int32.max)))
    }
}
