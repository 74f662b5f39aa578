import ApusCore
import ApusIndex
import Testing

/// An error in a graph is silent: searches still answer, only worse. So every metric has a floor.
@Suite struct HNSWRecallTests {
    @Test(arguments: Metric.allCases)
    func recallOfClusteredVectorsKeepsItsFloor(metric: Metric) throws {
        let fixture = try Fixture.built(
            clusteredVectors(count: 6000, dimension: 40, seed: 1), metric: metric)
        let queries = clusteredVectors(count: 100, dimension: 40, seed: 2)
        #expect(fixture.recall(queries, ef: 32) > 0.93)
        #expect(fixture.recall(queries, ef: 128) > 0.99)
        #expect(fixture.index.checkInvariants() == [])
    }

    @Test func recallOfRealTextEmbeddingsKeepsItsFloor() throws {
        guard let folder = sharedDataset("pypi-minilm-100k") else {
            print("skipped: no data set pypi-minilm-100k in APUS_SHARED or ../shared")
            return
        }
        let base = try rows(ofNPY: folder.appendingPathComponent("base.f16.npy"), limit: 8000)
        let queries = try rows(ofNPY: folder.appendingPathComponent("query.f32.npy"), limit: 200)
        let fixture = try Fixture.built(base, metric: .cosine, efConstruct: 200)
        #expect(fixture.recall(queries, ef: 64) > 0.97)
        #expect(fixture.recall(queries, ef: 128) > 0.99)
        #expect(fixture.index.checkInvariants() == [])
    }

    @Test func recallOfRealImageDescriptorsKeepsItsFloor() throws {
        guard let folder = sharedDataset("sift-like-200k") else {
            print("skipped: no data set sift-like-200k in APUS_SHARED or ../shared")
            return
        }
        let base = try rows(ofNPY: folder.appendingPathComponent("base.u8.npy"), limit: 10_000)
        let queries = try rows(ofNPY: folder.appendingPathComponent("query.u8.npy"), limit: 200)
        for metric in [Metric.euclid, .manhattan] {
            let fixture = try Fixture.built(base, metric: metric, efConstruct: 200)
            #expect(fixture.recall(queries, ef: 64) > 0.97)
            #expect(fixture.recall(queries, ef: 128) > 0.99)
            #expect(fixture.index.checkInvariants() == [])
        }
    }

    @Test func anExactScanIsExact() throws {
        let vectors = clusteredVectors(count: 700, dimension: 9, seed: 3)
        let fixture = try Fixture(vectors, metric: .manhattan)
        for query in clusteredVectors(count: 20, dimension: 9, seed: 4) {
            let naive = vectors.enumerated().map { row, vector in
                Neighbour(
                    ordinal: UInt32(row),
                    distance: zip(vector, query).reduce(0) { $0 + abs($1.0 - $1.1) })
            }
            let found = fixture.exact(query, k: 15)
            #expect(found == found.sorted())
            #expect(Set(found.map(\.ordinal)) == Set(naive.sorted().prefix(15).map(\.ordinal)))
        }
    }
}
