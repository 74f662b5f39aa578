import ApusCore
import ApusIndex
import Testing

@Suite struct HNSWFormatTests {
    @Test func anOpenedIndexAnswersLikeTheOneThatWasEncoded() throws {
        let fixture = try Fixture.built(clusteredVectors(count: 2000, dimension: 12, seed: 30))
        let sections = fixture.index.encoded()
        for residency in [HNSWIndex.Residency.mapped, .memory(capacity: 2000)] {
            let opened = try PlacedSections(sections).open(
                over: fixture.arena, count: 2000, residency: residency)
            #expect(opened.parameters == fixture.index.parameters)
            #expect(opened.checkInvariants() == [])
            #expect(opened.encoded() == sections)
            for query in clusteredVectors(count: 30, dimension: 12, seed: 31) {
                #expect(
                    opened.search(query, k: 10, ef: 40)
                        == fixture.index.search(query, k: 10, ef: 40))
            }
        }
    }

    @Test func anOpenedIndexGrowsAsIfItHadNeverBeenClosed() throws {
        let vectors = clusteredVectors(count: 2048, dimension: 12, seed: 32)
        let whole = try Fixture(vectors)
        let half = try Fixture(vectors)
        try withPool(threadCount: 2) { pool in
            whole.index.insert(upTo: 2048, finish: true, pool: pool)
            half.index.insert(upTo: 1100, pool: pool)
            let opened = try PlacedSections(half.index.encoded()).open(
                over: half.arena, count: 2048, residency: .memory(capacity: 2048))
            #expect(opened.indexedCount == half.index.indexedCount)
            opened.insert(upTo: 2048, finish: true, pool: pool)
            #expect(opened.encoded() == whole.index.encoded())
        }
    }

    @Test func theEmptyIndexCanBeEncodedAndOpened() throws {
        let fixture = try Fixture([[1, 2]])
        let opened = try PlacedSections(fixture.index.encoded()).open(
            over: fixture.arena, count: 1, residency: .mapped)
        #expect(opened.search([0, 0], k: 3, ef: 10) == [])
    }

    @Test func everyChangedByteIsAnErrorOrHarmless() throws {
        let fixture = try Fixture.built(
            clusteredVectors(count: 60, dimension: 3, seed: 33), m: 2, efConstruct: 8,
            isPresent: { $0 % 10 != 3 })
        let sections = fixture.index.encoded()
        var errors = 0
        for name in HNSWFormat.Section.allCases {
            let original = try #require(sections[name])
            for at in original.indices {
                for mask: UInt8 in [0x01, 0x80, 0xff] {
                    var changed = sections
                    changed[name]?[at] ^= mask
                    do {
                        try useOpened(changed, fixture)
                    } catch is MalformedBytes {
                        errors += 1
                    }
                }
            }
        }
        #expect(errors > 500)
    }

    @Test func everyShortSectionIsAnError() throws {
        let fixture = try Fixture.built(
            clusteredVectors(count: 60, dimension: 3, seed: 34), m: 2, efConstruct: 8)
        let sections = fixture.index.encoded()
        for name in HNSWFormat.Section.allCases {
            var missing = sections
            missing[name] = nil
            #expect(throws: MalformedBytes.self) { try useOpened(missing, fixture) }
            let original = try #require(sections[name])
            for length in original.indices where length < 48 || name != .header {
                var short = sections
                short[name] = Array(original[..<length])
                #expect(throws: MalformedBytes.self) { try useOpened(short, fixture) }
            }
        }
    }

    @Test func anIndexIsNotOpenedOverOtherVectors() throws {
        let fixture = try Fixture.built(clusteredVectors(count: 60, dimension: 3, seed: 35))
        let other = try Fixture(clusteredVectors(count: 60, dimension: 4, seed: 35))
        let placed = PlacedSections(fixture.index.encoded())
        #expect(throws: MalformedBytes.self) {
            try placed.open(over: other.arena, count: 60, residency: .mapped)
        }
        #expect(throws: MalformedBytes.self) {
            try placed.open(over: fixture.arena, count: 59, residency: .mapped)
        }
    }

    /// Opens both ways and searches: what opens must answer with ordinals that exist.
    private func useOpened(
        _ sections: [HNSWFormat.Section: [UInt8]], _ fixture: Fixture
    ) throws {
        let placed = PlacedSections(sections)
        for residency in [HNSWIndex.Residency.mapped, .memory(capacity: 60)] {
            let opened = try placed.open(over: fixture.arena, count: 60, residency: residency)
            for query in [[Float](repeating: 0.3, count: 3), fixture.arena.space.vector(at: 7)] {
                let found = opened.search(query, k: 10, ef: 20)
                #expect(found.allSatisfy { $0.ordinal < 60 })
                #expect(found == found.sorted())
            }
        }
    }
}
