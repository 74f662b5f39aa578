import ApusQuery
import Testing

@Suite("Planner") struct PlannerTests {
    private static func plan(
        rows: Int, matches: Int? = nil, hasCodes: Bool = true,
        _ change: (inout SearchSettings) -> Void = { _ in }
    ) -> Plan {
        var settings = SearchSettings(
            limit: 10, ef: 64, exact: false, indexedOnly: false, defaultEf: 100,
            fullScanByteCount: 100_000, m: 16)
        change(&settings)
        return Planner.plan(
            SegmentStatistics(
                rowCount: rows, matchCount: matches, indexedCount: rows, vectorByteCount: 1536,
                hasCodes: hasCodes), settings)
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
}
