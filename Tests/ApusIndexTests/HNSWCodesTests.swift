import ApusCore
import ApusIndex
import ApusKernels
import Testing

/// Graphs that are built and walked by 8-bit codes, and answer by the vectors.
@Suite("HNSW over codes") struct HNSWCodesTests {
    @Test(
        "Recall is that of the vectors within a hundredth",
        arguments: [Metric.euclid, .cosine, .dot])
    func recall(metric: Metric) throws {
        let vectors = clusteredVectors(count: 6000, dimension: 64, seed: 1)
        let queries = clusteredVectors(count: 100, dimension: 64, seed: 2)
        let plain = try Fixture.built(vectors, metric: metric)
        let coded = try Fixture.built(vectors, metric: metric, hasCodes: true)
        for ef in [16, 32, 128] {
            #expect(
                coded.recall(queries, ef: ef) > plain.recall(queries, ef: ef) - 0.01,
                "\(metric) ef \(ef)")
        }
        #expect(coded.index.checkInvariants() == [])
    }

    @Test("Recall of real text embeddings keeps its floor")
    func realVectors() throws {
        guard let folder = sharedDataset("pypi-minilm-100k") else {
            print("skipped: no data set pypi-minilm-100k in APUS_SHARED or ../shared")
            return
        }
        let base = try rows(ofNPY: folder.appendingPathComponent("base.f16.npy"), limit: 8000)
        let queries = try rows(ofNPY: folder.appendingPathComponent("query.f32.npy"), limit: 200)
        let fixture = try Fixture.built(base, metric: .cosine, efConstruct: 200, hasCodes: true)
        #expect(fixture.recall(queries, ef: 64) > 0.97)
        #expect(fixture.recall(queries, ef: 128) > 0.99)
    }

    @Test("Distances of answers are those of the vectors, and their order is exact")
    func exactAnswers() throws {
        let vectors = clusteredVectors(count: 2000, dimension: 48, seed: 3)
        let fixture = try Fixture.built(vectors, hasCodes: true)
        for query in clusteredVectors(count: 40, dimension: 48, seed: 4) {
            let found = fixture.index.search(query, k: 20, ef: 100)
            #expect(found == found.sorted())
            let exact = fixture.exact(query, k: 20)
            #expect(found == exact)
            #expect(fixture.index.search(query, k: 20, ef: 100, usesCodes: false) == exact)
        }
    }

    @Test("The graph is the same on any number of threads")
    func determinism() throws {
        let vectors = clusteredVectors(count: 3000, dimension: 48, seed: 5)
        let built = try [1, 2, 4].map { threadCount in
            try Fixture.built(vectors, hasCodes: true, threadCount: threadCount).index.encoded()
        }
        #expect(built[0] == built[1] && built[1] == built[2])
    }

    @Test("Copies of one vector, and vectors without a range, are all found")
    func degenerate() throws {
        for value in [Float(0), 0.5, 1e-30, 1e30] {
            let vectors = [[Float]](
                repeating: [Float](repeating: value, count: 40), count: 600)
            let fixture = try Fixture.built(vectors, hasCodes: true)
            #expect(fixture.index.checkInvariants() == [])
            let found = fixture.index.search(vectors[0], k: 600, ef: 600)
            #expect(found.count == 600, "\(value)")
        }
    }

    @Test("With a filter only what it admits is answered, by exact distance")
    func filter() throws {
        let vectors = clusteredVectors(count: 3000, dimension: 48, seed: 6)
        let fixture = try Fixture.built(vectors, hasCodes: true)
        var filter = Bitmap(count: 3000)
        for row in stride(from: 0, to: 3000, by: 3) { filter[row] = true }
        let admission = Admission(filter: filter)
        let queries = clusteredVectors(count: 50, dimension: 48, seed: 7)
        #expect(fixture.recall(queries, ef: 64, admission: admission) > 0.97)
        for query in queries {
            let found = fixture.index.search(query, k: 10, ef: 64, admission: admission)
            #expect(found == found.sorted() && found.allSatisfy { $0.ordinal % 3 == 0 })
        }
    }

    @Test("Codes of other vectors are told from the right ones")
    func otherCodes() throws {
        let vectors = clusteredVectors(count: 300, dimension: 48, seed: 8)
        let fixture = try Fixture.built(vectors, hasCodes: true)
        #expect(fixture.index.firstRowWithOtherCodes() == nil)
        let others = try Fixture(vectors, hasCodes: true)
        unsafe others.arena.space.withFloats(17..<18, under: .euclid) { floats, _ in
            unsafe others.codes?.store(floats, at: 18)
        }
        withPool(threadCount: 1) { others.index.insert(upTo: 300, finish: true, pool: $0) }
        #expect(others.index.firstRowWithOtherCodes() == 18)
    }
}
