import ApusCore
import ApusIndex
import ApusQuery
import Testing

@Suite("Planner") struct PlannerTests {
    private static func plan(
        rows: Int, matches: Int? = nil, hasCodes: Bool = true, curve: RecallCurve? = nil,
        _ change: (inout SearchSettings) -> Void = { _ in }
    ) -> Plan {
        var settings = SearchSettings(
            limit: 10, ef: 64, exact: false, indexedOnly: false, defaultEf: 100,
            fullScanByteCount: 100_000, m: 16)
        change(&settings)
        return Planner.plan(
            SegmentStatistics(
                rowCount: rows, matchCount: matches, indexedCount: rows, vectorByteCount: 1536,
                codeByteCount: hasCodes ? 400 : nil, recallCurve: curve), settings)
    }

    /// Recall@k is 0.9 with a list of 4k (40 at the default limit), 0.97 with 16k, 0.99 with 64k.
    private static let curve = RecallCurve(
        .candidates,
        points: [(40, 0.9), (160, 0.97), (640, 0.99)].map { ef, recall in
            RecallCurve.Point(
                ef: ef, recalls: RecallCurve.limits.filter { $0 <= ef }.map { _ in recall })
        }, sampleCount: 100)

    @Test("Who asks for a recall gets the list that was measured to reach it")
    func targetRecall() {
        func list(_ target: Double) -> Plan {
            Self.plan(rows: 10_000_000, curve: Self.curve) { settings in
                settings.ef = nil
                settings.targetRecall = target
            }
        }
        #expect(list(0.9) == .graph(ef: 40, skipsRefused: false, scanTail: true))
        #expect(list(0.97) == .graph(ef: 160, skipsRefused: false, scanTail: true))
        guard case .graph(let ef, _, _) = list(0.95) else {
            Issue.record("no walk")
            return
        }
        #expect(ef > 40 && ef < 160)
        // No list finds so much.
        #expect(list(0.995) == .codeScan(candidates: 100))
        #expect(list(1) == .scan)
    }

    @Test(
        "Who asks for many neighbours and a low recall gets a walk of fewer steps than neighbours")
    func fewerStepsThanNeighbours() {
        let curve = RecallCurve(
            .expansions,
            points: [(50, 0.8), (100, 0.9), (400, 0.99)].map { ef, recall in
                RecallCurve.Point(ef: ef, recalls: RecallCurve.limits.map { _ in recall })
            }, sampleCount: 100)
        func list(_ target: Double?) -> Plan {
            Self.plan(rows: 10_000_000, curve: curve) { settings in
                settings.limit = 500
                settings.ef = nil
                settings.targetRecall = target
            }
        }
        #expect(list(0.9) == .graph(ef: 100, skipsRefused: false, scanTail: true))
        #expect(list(0.8) == .graph(ef: 50, skipsRefused: false, scanTail: true))
        // Nobody who did not ask for a recall gets less of it than before.
        #expect(list(nil) == .graph(ef: 500, skipsRefused: false, scanTail: true))
    }

    @Test("A walk takes the longest list that its time allows, and at least one of the limit")
    func timeBudget() throws {
        func list(_ microseconds: Double?, target: Double? = 0.97) throws -> Int {
            let plan = Self.plan(rows: 10_000_000, curve: Self.curve) { settings in
                settings.ef = nil
                settings.targetRecall = target
                settings.nanosecondsMax = microseconds.map { $0 * 1000 }
            }
            guard case .graph(let ef, false, true) = plan else {
                Issue.record("\(plan) is no walk")
                return 0
            }
            return ef
        }
        #expect(try list(nil) == 160)
        #expect(try list(1_000_000) == 160, "more than enough")
        let lists = try [200.0, 100, 50].map { try list($0) }
        #expect(lists == lists.sorted(by: >) && lists.allSatisfy { (10..<160).contains($0) })
        #expect(try list(0.001) == 10)
        // No list finds so much, and a scan of all rows takes too long.
        #expect(try list(200, target: 1) == list(200))
        let small = Self.plan(rows: 100) { $0.nanosecondsMax = 1e9 }
        #expect(small == Self.plan(rows: 100))
    }

    @Test("Where no recall was measured, one above the default's is reached by a scan")
    func unmeasuredRecall() {
        func plan(_ target: Double) -> Plan {
            Self.plan(rows: 10_000_000) { settings in
                settings.ef = nil
                settings.targetRecall = target
            }
        }
        #expect(plan(0.9) == .graph(ef: 100, skipsRefused: false, scanTail: true))
        #expect(plan(0.98) == .codeScan(candidates: 100))
    }

    @Test("The default list grows until recall does not sag, within bounds")
    func growth() {
        func list(_ preset: Int) -> Plan {
            Self.plan(rows: 10_000_000, curve: Self.curve) { settings in
                settings.ef = nil
                settings.defaultEf = preset
            }
        }
        #expect(list(300) == .graph(ef: 300, skipsRefused: false, scanTail: true))
        #expect(list(16) == .graph(ef: 64, skipsRefused: false, scanTail: true))
        guard case .graph(let ef, _, _) = list(50) else {
            Issue.record("no walk")
            return
        }
        #expect(ef > 100 && ef < 160)
    }

    @Test("What a plan is expected to find")
    func expectedRecall() {
        var segment = SegmentStatistics(
            rowCount: 1000, matchCount: nil, indexedCount: 1000, vectorByteCount: 1536)
        #expect(Planner.expectedRecall(of: .scan, segment, limit: 10) == 1)
        let walk = Plan.graph(ef: 160, skipsRefused: false, scanTail: true)
        #expect(Planner.expectedRecall(of: walk, segment, limit: 10) == nil)
        segment.recallCurve = Self.curve
        #expect(Planner.expectedRecall(of: walk, segment, limit: 10) == 0.97)
    }

    @Test("Who asks for an exact answer gets a scan of the vectors")
    func exact() { #expect(Self.plan(rows: 1_000_000) { $0.exact = true } == .scan) }

    @Test("Without a filter a large segment is walked, a small one scanned")
    func unfiltered() {
        #expect(
            Self.plan(rows: 1_000_000) == .graph(ef: 64, skipsRefused: false, scanTail: true))
        #expect(Self.plan(rows: 1000) == .codeScan(candidates: 64))
        #expect(Self.plan(rows: 1000, hasCodes: false) == .scan)
        #expect(
            Self.plan(rows: 1000) { $0.indexedOnly = true }
                == .graph(ef: 64, skipsRefused: false, scanTail: false))
        #expect(Self.plan(rows: 1_000_000) { $0.m = 0 } == .codeScan(candidates: 64))
    }

    @Test("The fewer rows match, the more is left aside: through, around, scan")
    func filtered() {
        #expect(
            Self.plan(rows: 1_000_000, matches: 600_000)
                == .graph(ef: 64, skipsRefused: false, scanTail: true))
        #expect(
            Self.plan(rows: 1_000_000, matches: 100_000)
                == .graph(ef: 96, skipsRefused: true, scanTail: true))
        #expect(Self.plan(rows: 1_000_000, matches: 5000) == .codeScan(candidates: 64))
        #expect(Self.plan(rows: 1_000_000, matches: 0) == .codeScan(candidates: 64))
    }

    @Test("A candidate list is never shorter than the limit, and no number overflows")
    func limits() {
        #expect(
            Self.plan(rows: 1_000_000) { $0.limit = 500 }
                == .graph(ef: 500, skipsRefused: false, scanTail: true))
        #expect(Self.plan(rows: 10_000) { $0.limit = 500 } == .codeScan(candidates: 1000))
        for ef in [Int.max, Int.max / 2, 1] {
            for matches in [0, 1, 500_000, Int.max] {
                _ = Self.plan(rows: Int.max, matches: matches) { settings in
                    settings.ef = ef
                    settings.limit = 1000
                }
            }
        }
    }

    @Test("Lists are looked into as far as their measured recall says; unmeasured ones are scanned")
    func lists() {
        let curve = RecallCurve(
            .probes,
            points: [(8, 0.8), (32, 0.95), (128, 0.99)].map { probes, recall in
                RecallCurve.Point(
                    ef: probes, recalls: RecallCurve.commonLimits.map { _ in recall })
            }, sampleCount: 100)
        func plan(
            _ curve: RecallCurve?, matches: Int? = nil,
            _ change: (inout SearchSettings) -> Void = { _ in }
        ) -> Plan {
            var settings = SearchSettings(
                limit: 10, ef: nil, exact: false, indexedOnly: false, defaultEf: 100,
                fullScanByteCount: 100_000, m: 16)
            change(&settings)
            return Planner.plan(
                SegmentStatistics(
                    rowCount: 1_000_000, matchCount: matches, indexedCount: 0,
                    vectorByteCount: 1536, recallCurve: curve, listCount: 4000), settings)
        }
        #expect(plan(curve) == .lists(probes: 32, candidates: 100))
        #expect(plan(curve) { $0.targetRecall = 0.99 } == .lists(probes: 128, candidates: 100))
        #expect(plan(curve) { $0.targetRecall = 0.999 } == .scan)
        #expect(plan(curve) { $0.probes = 5 } == .lists(probes: 5, candidates: 100))
        #expect(plan(curve) { $0.probes = .max } == .lists(probes: 4000, candidates: 100))
        #expect(plan(curve) { $0.exact = true } == .scan)
        #expect(plan(curve, matches: 500) == .scan)
        #expect(plan(nil) == .scan)
        for limit in [0, 1, Int.max] {
            _ = plan(curve, matches: 3) { $0.limit = limit }
            _ = Self.plan(rows: 1000) { $0.limit = limit }
        }
    }

    @Test("A filter is asked of answers while that costs less than to find its rows")
    func openFilter() {
        func plan(
            matches: Int, rowsToRead: Int, asked: Int = 1,
            _ change: (inout SearchSettings) -> Void = { _ in }
        ) -> Plan? {
            let rows = 1_000_000
            var settings = SearchSettings(
                limit: 10, ef: nil, exact: false, indexedOnly: false, defaultEf: 100, m: 16)
            change(&settings)
            return Planner.planBeforeFilter(
                SegmentStatistics(
                    rowCount: rows, matchCount: matches, indexedCount: rows, vectorByteCount: 1536,
                    codeByteCount: 400, recallCurve: Self.curve),
                FilterEstimate(
                    Cardinality(min: 0, expected: Double(matches), max: rows),
                    candidates: Double(rowsToRead), isExact: rowsToRead == 0),
                askedCount: asked, settings)
        }
        guard
            case .graphThenFilter(let ef, let candidates, true) = plan(
                matches: 500_000, rowsToRead: 1_000_000)
        else {
            Issue.record("no walk")
            return
        }
        #expect(candidates == 40 && ef >= 100)
        // Time cuts the list, though not below what should be enough.
        let shortest = plan(matches: 500_000, rowsToRead: 1_000_000) { $0.nanosecondsMax = 1 }
        #expect(shortest == .graphThenFilter(ef: 40, candidates: 40, scanTail: true))
        // Rows that indexes know are not worth a longer walk; few that match would take too long a one.
        #expect(plan(matches: 50_000, rowsToRead: 0) == nil)
        #expect(plan(matches: 5_000, rowsToRead: 1_000_000) == nil)
        // It was put off for long enough.
        #expect(plan(matches: 100_000, rowsToRead: 1_000_000) != nil)
        #expect(plan(matches: 100_000, rowsToRead: 1_000_000, asked: 100_000) == nil)
        #expect(plan(matches: 500_000, rowsToRead: 1_000_000) { $0.exact = true } == nil)
        #expect(
            plan(matches: 500_000, rowsToRead: 1_000_000) { $0.fullScanByteCount = .max } == nil)
        // No list reaches that so deep.
        #expect(plan(matches: 20_000, rowsToRead: 1_000_000) { $0.targetRecall = 0.999 } == nil)
        for limit in [0, 1, Int.max] {
            _ = plan(matches: 500_000, rowsToRead: 1_000_000) { $0.limit = limit }
        }
    }
}
