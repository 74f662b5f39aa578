import ApusCore
import ApusIndex
import ApusKernels
import Testing

/// What a merge does to a graph: dead nodes go, others are repaired, new ones are inserted.
@Suite struct HNSWMergeTests {
    /// The vectors that live after a merge, over an index that began with those of `original`.
    private struct Merged {
        let fixture: Fixture
        let index: HNSWIndex

        init(
            _ original: Fixture, _ vectors: [[Float]], survivors: [Int], added: [[Float]] = [],
            metric: Metric = .euclid, m: Int = 16, threadCount: Int = 2
        ) throws {
            let live = survivors.map { vectors[$0] } + added
            fixture = try Fixture(live, metric: metric, m: m)
            let fixture = fixture
            index = try withPool(threadCount: threadCount) { pool in
                let index = try original.index.withoutDeadNodes(
                    survivors: survivors.map(UInt32.init), vectors: fixture.arena.space,
                    capacity: live.count, owner: fixture.arena, pool: pool)
                index.insert(upTo: live.count, finish: true, pool: pool)
                return index
            }
            index.connectUnreachable()
        }

        func recall(_ queries: [[Float]], ef: Int) -> Double {
            var hits = 0
            for query in queries.map(fixture.kernel.prepare) {
                let worst = fixture.exact(query, k: 10).last?.distance ?? 0
                hits += index.search(query, k: 10, ef: ef).count { $0.distance <= worst + 1e-6 }
            }
            return Double(hits) / Double(10 * queries.count)
        }
    }

    private func survivors(of count: Int, deleting share: Double, seed: UInt64) -> [Int] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).filter { _ in Double.random(in: 0..<1, using: &generator) >= share }
    }

    @Test func churnCostsNoRecall() throws {
        let vectors = clusteredVectors(count: 5000, dimension: 24, seed: 31)
        let updates = clusteredVectors(count: 1500, dimension: 24, seed: 32)
        let queries = clusteredVectors(count: 150, dimension: 24, seed: 33)
        let original = try Fixture.built(vectors)
        // 30% deleted, 30% written anew.
        let survivors = survivors(of: 5000, deleting: 0.6, seed: 34)
        let merged = try Merged(original, vectors, survivors: survivors, added: updates)
        #expect(merged.index.checkInvariants() == [])
        let fresh = try Fixture.built(survivors.map { vectors[$0] } + updates)
        for ef in [16, 64] {
            #expect(merged.recall(queries, ef: ef) > fresh.recall(queries, ef: ef) - 0.01)
        }
    }

    @Test func theBorderOfADeletedRegionIsFound() throws {
        let vectors = clusteredVectors(count: 4000, dimension: 16, clusters: 8, seed: 35)
        let queries = clusteredVectors(count: 150, dimension: 16, clusters: 8, seed: 36)
        let original = try Fixture.built(vectors)
        let nearest = original.exact(vectors[11], k: 1600).map { Int($0.ordinal) }
        let dead = Set(nearest)
        let survivors = (0..<4000).filter { !dead.contains($0) }
        let merged = try Merged(original, vectors, survivors: survivors)
        #expect(merged.index.checkInvariants() == [])
        let fresh = try Fixture.built(survivors.map { vectors[$0] })
        #expect(merged.recall(queries, ef: 32) > fresh.recall(queries, ef: 32) - 0.01)
    }

    @Test func churnOfRealTextEmbeddingsCostsNoRecall() throws {
        guard let folder = sharedDataset("pypi-minilm-100k") else {
            print("skipped: no data set pypi-minilm-100k in APUS_SHARED or ../shared")
            return
        }
        let base = try rows(ofNPY: folder.appendingPathComponent("base.f16.npy"), limit: 6500)
        let queries = try rows(ofNPY: folder.appendingPathComponent("query.f32.npy"), limit: 200)
        let vectors = Array(base[..<5000])
        let original = try Fixture.built(vectors, metric: .cosine)
        let survivors = survivors(of: 5000, deleting: 0.6, seed: 37)
        let added = Array(base[5000...])
        let merged = try Merged(
            original, vectors, survivors: survivors, added: added, metric: .cosine)
        #expect(merged.index.checkInvariants() == [])
        let fresh = try Fixture.built(survivors.map { vectors[$0] } + added, metric: .cosine)
        #expect(merged.recall(queries, ef: 64) > fresh.recall(queries, ef: 64) - 0.01)
    }

    @Test func theSameBytesComeOutWithAnyNumberOfThreads() throws {
        let vectors = clusteredVectors(count: 2500, dimension: 12, seed: 38)
        let added = clusteredVectors(count: 400, dimension: 12, seed: 39)
        let original = try Fixture.built(vectors, m: 8)
        // Half of them: many nodes lose most of their links.
        let survivors = survivors(of: 2500, deleting: 0.5, seed: 40)
        let bytes = try [1, 2, 4].map { threadCount in
            try Merged(
                original, vectors, survivors: survivors, added: added, m: 8,
                threadCount: threadCount
            ).index.encoded()
        }
        #expect(bytes[0] == bytes[1])
        #expect(bytes[0] == bytes[2])
    }

    @Test func withoutDeadNodesTheGraphStaysAsItIs() throws {
        let vectors = clusteredVectors(count: 1200, dimension: 8, seed: 41)
        let original = try Fixture.built(vectors)
        let merged = try Merged(original, vectors, survivors: Array(0..<1200))
        #expect(merged.index.encoded() == original.index.encoded())
    }

    @Test func theEntryPointMayDieAgainAndAgain() throws {
        var vectors = clusteredVectors(count: 900, dimension: 8, seed: 42)
        var fixture = try Fixture.built(vectors, m: 4)
        var index = fixture.index
        for _ in 0..<6 {
            // The highest nodes, the entry point among them.
            let levels = index.encoded()[.levels] ?? []
            let top = levels.max() ?? 0
            let survivors = levels.indices.filter { levels[$0] < top }
            guard !survivors.isEmpty else { break }
            let live = survivors.map { vectors[$0] }
            let next = try Fixture(live, m: 4)
            index = try withPool(threadCount: 2) { pool in
                try index.withoutDeadNodes(
                    survivors: survivors.map(UInt32.init), vectors: next.arena.space,
                    capacity: live.count, owner: next.arena, pool: pool)
            }
            index.connectUnreachable()
            #expect(index.checkInvariants() == [])
            (vectors, fixture) = (live, next)
        }
        _ = fixture
    }

    @Test func copiesOfOneVectorStayReachable() throws {
        let vectors =
            [[Float]](repeating: [1, 2, 3, 4], count: 700)
            + clusteredVectors(count: 300, dimension: 4, seed: 43)
        let original = try Fixture.built(vectors)
        let survivors = survivors(of: 1000, deleting: 0.4, seed: 44)
        let merged = try Merged(
            original, vectors, survivors: survivors,
            added: [[Float]](repeating: [1, 2, 3, 4], count: 100))
        #expect(merged.index.checkInvariants() == [])
        let copies = survivors.count { $0 < 700 } + 100
        let found = merged.index.search([1, 2, 3, 4], k: copies, ef: 2 * copies)
        #expect(found.count { $0.distance == 0 } == copies)
    }

    @Test func noneOrOneOfTheNodesMayBeLeft() throws {
        let vectors = clusteredVectors(count: 300, dimension: 4, seed: 45)
        let original = try Fixture.built(vectors)
        for (survivors, added) in [([], [vectors[3]]), ([17], []), ([17], [vectors[3]])] {
            let merged = try Merged(original, vectors, survivors: survivors, added: added)
            #expect(merged.index.checkInvariants() == [])
            let count = survivors.count + added.count
            #expect(merged.index.search(vectors[17], k: 3, ef: 10).count == count)
        }
    }

    @Test func ordinalsWithoutAVectorStayWithoutOne() throws {
        let vectors = clusteredVectors(count: 900, dimension: 8, seed: 46)
        let original = try Fixture.built(vectors, isPresent: { $0 % 3 != 0 })
        let survivors = survivors(of: 900, deleting: 0.3, seed: 47)
        let merged = try Merged(original, vectors, survivors: survivors)
        #expect(merged.index.checkInvariants() == [])
        let present = survivors.count { $0 % 3 != 0 }
        #expect(merged.index.search(vectors[1], k: 900, ef: 900).count == present)
    }
}
