import ApusCore
import ApusIndex
import Testing

/// What is deleted, filtered out or not visible is never returned, and never keeps a search from
/// finding the rest.
@Suite struct HNSWAdmissionTests {
    static let vectors = clusteredVectors(count: 4000, dimension: 20, seed: 20)
    static let queries = clusteredVectors(count: 40, dimension: 20, seed: 21)

    @Test(arguments: [0.9, 0.5, 0.1, 0.02])
    func filteredSearchesReturnMatchesOnlyAndEnough(share: Double) throws {
        let fixture = try Fixture.built(Self.vectors)
        var generator = SeededGenerator(seed: 22)
        var filter = Bitmap(count: 4000)
        for ordinal in 0..<4000 where Double.random(in: 0..<1, using: &generator) < share {
            filter[ordinal] = true
        }
        let admission = Admission(filter: filter)
        for query in Self.queries {
            let found = fixture.index.search(query, k: 10, ef: 60, admission: admission)
            #expect(found.count == 10)
            #expect(found.allSatisfy { filter[Int($0.ordinal)] })
            #expect(found == found.sorted())
        }
        #expect(fixture.recall(Self.queries, ef: 60, admission: admission) > 0.95)
    }

    @Test func deletedPointsAreReturnedOnlyToReadersOfTheTimeBefore() throws {
        let fixture = try Fixture.built(Self.vectors)
        var deletedAt = [UInt64](repeating: 0, count: 4000)
        for ordinal in 0..<4000 where ordinal % 2 == 0 { deletedAt[ordinal] = 100 }
        unsafe deletedAt.withUnsafeBufferPointer { deleted in
            let before = unsafe Admission(deletedAt: deleted.baseAddress, readLSN: 99)
            let after = unsafe Admission(deletedAt: deleted.baseAddress, readLSN: 100)
            for query in Self.queries {
                let all = fixture.index.search(query, k: 20, ef: 100)
                #expect(fixture.index.search(query, k: 20, ef: 100, admission: before) == all)
                let live = fixture.index.search(query, k: 20, ef: 100, admission: after)
                #expect(live.count == 20)
                #expect(live.allSatisfy { $0.ordinal % 2 == 1 })
            }
            #expect(fixture.recall(Self.queries, ef: 60, admission: after) > 0.95)
        }
    }

    @Test func aGraphWhoseEntryPointIsDeletedStillAnswers() throws {
        // The entry point is one of the few nodes above level 0; delete all that could be it.
        let fixture = try Fixture.built(Self.vectors)
        var filter = Bitmap(count: 4000, repeating: true)
        let levels = try #require(fixture.index.encoded()[.levels])
        for (ordinal, level) in levels.enumerated() where level > 0 { filter[ordinal] = false }
        #expect(filter.cardinality < 4000)
        #expect(fixture.recall(Self.queries, ef: 60, admission: Admission(filter: filter)) > 0.95)
    }

    @Test func nothingIsReturnedWhenNothingMatches() throws {
        let fixture = try Fixture.built(Self.vectors)
        let deletedAt = [UInt64](repeating: 1, count: 4000)
        unsafe deletedAt.withUnsafeBufferPointer { deleted in
            let admission = unsafe Admission(deletedAt: deleted.baseAddress, readLSN: 5)
            #expect(
                fixture.index.search(Self.queries[0], k: 10, ef: 50, admission: admission) == [])
            #expect(fixture.exact(Self.queries[0], k: 10, admission: admission) == [])
        }
        let none = Admission(filter: Bitmap(count: 4000))
        #expect(fixture.index.search(Self.queries[0], k: 10, ef: 50, admission: none) == [])
        let short = Admission(filter: Bitmap(count: 3, repeating: true))
        #expect(fixture.index.search(Self.queries[0], k: 10, ef: 50, admission: short).count == 3)
    }

    @Test func ordinalsBeyondTheVisibleCountAreHidden() throws {
        let fixture = try Fixture.built(Self.vectors)
        for visible in [1, 7, 1000, 3999] {
            let admission = Admission(visibleCount: visible)
            let found = fixture.index.search(Self.queries[1], k: 10, ef: 50, admission: admission)
            #expect(found.count == min(10, visible))
            #expect(found.allSatisfy { Int($0.ordinal) < visible })
        }
    }

    @Test func anExactScanKeepsToItsRangeAndAdmission() throws {
        let fixture = try Fixture(Self.vectors)
        var filter = Bitmap(count: 4000)
        for ordinal in stride(from: 0, to: 4000, by: 7) { filter[ordinal] = true }
        var present = Bitmap(count: 4000)
        for ordinal in stride(from: 0, to: 4000, by: 2) { present[ordinal] = true }
        let found = ExactScan.search(
            Self.queries[0], kernel: fixture.kernel, vectors: fixture.arena.space,
            range: 100..<3000, k: 5000, isPresent: present,
            admission: Admission(visibleCount: 2000, filter: filter))
        let expected = (100..<2000).filter { $0 % 14 == 0 }
        #expect(found.map { Int($0.ordinal) }.sorted() == expected)
        #expect(found == found.sorted())
    }
}
