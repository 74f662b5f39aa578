import ApusCore
import ApusIndex
import ApusKernels
import Testing

@Suite("Searches that are told to stop") struct InterruptedSearchTests {
    /// What a search of each kind measures, interrupted from the start and to its end.
    @Test(
        "They measure a block or some steps, not all",
        arguments: ["walk", "around", "through", "scan", "codes"])
    func stop(kind: String) throws {
        let fixture = try Fixture.built(
            clusteredVectors(count: 8000, dimension: 16, seed: 1), hasCodes: true)
        let query = clusteredVectors(count: 1, dimension: 16, seed: 2)[0]
        var bitmap = Bitmap(count: 8000)
        for row in stride(from: 0, to: 8000, by: 3) { bitmap[row] = true }
        func measured(_ interruption: Interruption?) -> Int {
            let watch = SearchWatch(interruption: interruption)
            switch kind {
            case "walk": _ = fixture.index.search(query, k: 10, ef: 2000, watch: watch)
            case "around", "through":
                _ = fixture.index.search(
                    query, k: 10, ef: 2000, admission: Admission(filter: bitmap),
                    skipsRefused: kind == "around", watch: watch)
            case "scan":
                _ = ExactScan.search(
                    query, kernel: fixture.kernel, vectors: fixture.arena.space,
                    range: 0..<8000, k: 10, watch: watch)
            default:
                _ = fixture.index.scan(query, range: 0..<8000, k: 10, candidates: 50, watch: watch)
            }
            return watch.measuredCount
        }
        let interruption = Interruption()
        let all = measured(interruption)
        #expect(all == measured(nil) && all > 2000)
        interruption.cancel()
        #expect(measured(interruption) < all / 2)
    }
}
