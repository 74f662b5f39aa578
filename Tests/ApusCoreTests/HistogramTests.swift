import ApusCore
import Testing

@Suite("Durations are counted under the least bound that they do not pass")
struct HistogramTests {
    @Test func counts() {
        let histogram = Histogram()
        for (index, bound) in Histogram.bounds.enumerated() {
            histogram.record(.nanoseconds(Int64((bound * 1e9).rounded())))
            histogram.record(.nanoseconds(Int64((bound * 1e9).rounded()) + 1))
            let counts = histogram.snapshot.counts
            #expect(counts[index] == (index == 0 ? 1 : 2))
            #expect(counts[index + 1] == 1)
        }
        let snapshot = histogram.snapshot
        #expect(snapshot.count == 2 * Histogram.bounds.count)
        #expect(snapshot.counts.last == 1)
        #expect(snapshot.sum > .seconds(30))
    }

    @Test func boundsAscend() {
        #expect(Histogram.bounds == Histogram.bounds.sorted())
        #expect(Set(Histogram.bounds).count == Histogram.bounds.count)
    }
}
