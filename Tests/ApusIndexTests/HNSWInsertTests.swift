import ApusCore
import ApusIndex
import Synchronization
import Testing

@Suite struct HNSWInsertTests {
    @Test func theSameBytesComeOutWithAnyNumberOfThreads() throws {
        let vectors = clusteredVectors(count: 3000, dimension: 24, seed: 5)
        var bytes: [[HNSWFormat.Section: [UInt8]]] = []
        for threadCount in [1, 2, 4] {
            let fixture = try Fixture(vectors, m: 8)
            withPool(threadCount: threadCount) {
                fixture.index.insert(upTo: 3000, finish: true, pool: $0)
            }
            fixture.index.connectUnreachable()
            bytes.append(fixture.index.encoded())
        }
        #expect(bytes[0] == bytes[1])
        #expect(bytes[0] == bytes[2])
    }

    @Test func theSameBytesComeOutHoweverTheVectorsArrive() throws {
        let vectors = clusteredVectors(count: 2000, dimension: 24, seed: 6)
        let atOnce = try Fixture.built(vectors)
        let inSteps = try Fixture(vectors)
        var generator = SeededGenerator(seed: 7)
        withPool(threadCount: 2) { pool in
            var end = 0
            while end < 2000 {
                end = min(2000, end + Int.random(in: 1...150, using: &generator))
                inSteps.index.insert(upTo: end, pool: pool)
                #expect(inSteps.index.indexedCount <= end)
            }
            inSteps.index.insert(upTo: 2000, finish: true, pool: pool)
        }
        inSteps.index.connectUnreachable()
        #expect(inSteps.index.encoded() == atOnce.index.encoded())
    }

    @Test func withoutFinishOnlyWholeBatchesAreInserted() throws {
        let fixture = try Fixture(clusteredVectors(count: 1000, dimension: 8, seed: 8))
        withPool(threadCount: 1) { pool in
            fixture.index.insert(upTo: 15, pool: pool)
            #expect(fixture.index.indexedCount == 0)
            fixture.index.insert(upTo: 1000, pool: pool)
            #expect(fixture.index.indexedCount > 700)
            #expect(fixture.index.indexedCount < 1000)
            fixture.index.insert(upTo: 1000, finish: true, pool: pool)
            #expect(fixture.index.indexedCount == 1000)
        }
    }

    @Test func ordinalsWithoutAVectorAreNoNodes() throws {
        let vectors = clusteredVectors(count: 900, dimension: 8, seed: 9)
        let fixture = try Fixture.built(vectors, isPresent: { $0 % 3 == 1 })
        #expect(fixture.index.checkInvariants() == [])
        let found = fixture.index.search(vectors[0], k: 900, ef: 900)
        #expect(found.count == 300)
        #expect(found.allSatisfy { $0.ordinal % 3 == 1 })
    }

    @Test func searchesAreSaneWhileAnotherThreadInserts() throws {
        let vectors = clusteredVectors(count: 6000, dimension: 16, seed: 10)
        let fixture = try Fixture(vectors, m: 8, efConstruct: 40)
        let index = fixture.index
        let searchers = WorkerPool(name: "search", threadCount: 2)
        let faults = FaultList()
        for searcher in 0..<2 {
            searchers.submit {
                var query = searcher
                while index.indexedCount < 6000 {
                    query = (query + 97) % 6000
                    let visible = index.indexedCount
                    let found = index.search(
                        vectors[query], k: 5, ef: 20, admission: Admission(visibleCount: visible))
                    if found.contains(where: { Int($0.ordinal) >= visible }) {
                        faults.add("an ordinal beyond \(visible)")
                    }
                    if Set(found.map(\.ordinal)).count != found.count {
                        faults.add("an ordinal twice")
                    }
                    for one in found {
                        let row = vectors[Int(one.ordinal)]
                        let expected = zip(row, vectors[query]).reduce(Float(0)) {
                            $0 + ($1.0 - $1.1) * ($1.0 - $1.1)
                        }
                        if abs(expected - one.distance) > 1e-3 { faults.add("a wrong distance") }
                    }
                    if visible >= 256, found.count != 5 { faults.add("\(found.count) of 5 found") }
                }
            }
        }
        withPool(threadCount: 2) { index.insert(upTo: 6000, finish: true, pool: $0) }
        searchers.shutdown()
        #expect(faults.all == [])
        index.connectUnreachable()
        #expect(index.checkInvariants() == [])
    }

    @Test func copiesOfOneVectorAreAllFound() throws {
        var vectors = clusteredVectors(count: 1500, dimension: 8, seed: 11)
        for row in 200..<400 { vectors[row] = vectors[0] }
        // Under dot, other vectors may be better than the query's own copies.
        for metric in Metric.allCases where metric != .dot {
            let fixture = try Fixture.built(vectors, metric: metric)
            #expect(fixture.index.checkInvariants() == [])
            let query = fixture.kernel.prepare(vectors[0])
            let found = fixture.index.search(query, k: 201, ef: 400)
            let copies = found.count { $0.ordinal == 0 || (200..<400).contains($0.ordinal) }
            #expect(copies >= 195, "\(metric): \(copies) of 201 copies")
            #expect(
                fixture.recall(clusteredVectors(count: 50, dimension: 8, seed: 12), ef: 100) > 0.97)
        }
    }

    @Test func nothingButCopiesOfOneVectorIsAGraphToo() throws {
        for vector in [[Float](repeating: 0.5, count: 4), [Float](repeating: 0, count: 4)] {
            let fixture = try Fixture.built([[Float]](repeating: vector, count: 700))
            #expect(fixture.index.checkInvariants() == [])
            #expect(fixture.index.search(vector, k: 700, ef: 700).count == 700)
        }
    }

    @Test func smallGraphsAndSmallParametersWork() throws {
        for count in [0, 1, 2, 3, 17, 40] {
            for m in [2, 3, 16] {
                let vectors = clusteredVectors(count: count, dimension: 1, seed: 13)
                let fixture = try Fixture.built(vectors, m: m, efConstruct: 4)
                #expect(fixture.index.checkInvariants() == [])
                #expect(fixture.index.search([0.1], k: 50, ef: 50).count == count)
                #expect(fixture.index.search([0.1], k: 0, ef: 50).isEmpty)
            }
        }
    }
}

/// Sentences that several threads add.
private final class FaultList: Sendable {
    private let sentences = Mutex<Set<String>>([])

    func add(_ sentence: String) { sentences.withLock { _ = $0.insert(sentence) } }

    var all: [String] { sentences.withLock { $0.sorted() } }
}
