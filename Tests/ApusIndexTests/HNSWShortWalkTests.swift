import ApusCore
import ApusIndex
import Testing

/// Walks that expand fewer nodes than neighbours are asked for.
@Suite("Short walks") struct HNSWShortWalkTests {
    private static let vectors = clusteredVectors(count: 4000, dimension: 20, seed: 30)
    private static let queries = clusteredVectors(count: 20, dimension: 20, seed: 31)

    @Test("More neighbours of one walk: the nearest stay, and no further distance is computed")
    func sameWalk() throws {
        let fixture = try Fixture.built(Self.vectors)
        for query in Self.queries {
            let (few, many) = (SearchWatch(), SearchWatch())
            let found = fixture.index.search(query, k: 30, ef: 30, watch: few)
            let more = fixture.index.search(query, k: 100, ef: 30, watch: many)
            #expect(more.count == 100)
            #expect(Array(more.prefix(30)) == found)
            #expect(more == more.sorted())
            #expect(many.measuredCount == few.measuredCount)
        }
    }

    @Test("As many as are asked for are found, however short the walk", arguments: [2, 16])
    func enough(m: Int) throws {
        let fixture = try Fixture.built(Self.vectors, m: m, hasCodes: true)
        fixture.index.connectUnreachable()
        for query in Self.queries.prefix(5) {
            for k in [1, 200, 4000] {
                for ef in [-1, 0, 1, 3] {
                    let found = fixture.index.search(query, k: k, ef: ef)
                    #expect(found.count == k)
                    #expect(Set(found.map(\.ordinal)).count == k)
                }
            }
        }
    }

    @Test("Under a filter too, through refused nodes and around them", arguments: [false, true])
    func filtered(skipsRefused: Bool) throws {
        let fixture = try Fixture.built(Self.vectors)
        var filter = Bitmap(count: 4000)
        for ordinal in 0..<4000 where ordinal % 3 == 0 { filter[ordinal] = true }
        let admission = Admission(filter: filter)
        for query in Self.queries {
            let (short, full) = (SearchWatch(), SearchWatch())
            func search(ef: Int, _ watch: SearchWatch) -> [Neighbour] {
                fixture.index.search(
                    query, k: 150, ef: ef, admission: admission, skipsRefused: skipsRefused,
                    watch: watch)
            }
            let found = search(ef: 40, short)
            #expect(found.count == 150)
            #expect(found.allSatisfy { filter[Int($0.ordinal)] })
            #expect(search(ef: 150, full).count == 150)
            #expect(short.measuredCount < full.measuredCount)
        }
    }
}
