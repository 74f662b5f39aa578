import ApusCore
import ApusIndex
import ApusKernels
import Testing

/// Graphs that were built over 8-bit codes and are searched by codes of few bits.
@Suite("HNSW over RaBitQ codes") struct RaBitQSearchTests {
    private static func coded(
        _ vectors: [[Float]], _ bits: RaBitQBits, metric: Metric = .euclid
    ) throws -> (Fixture, HNSWIndex) {
        let fixture = try Fixture.built(vectors, metric: metric, hasCodes: true)
        let arena = try RaBitQArena.coding(
            fixture.arena.space, rowCount: vectors.count, bits: bits, metric: metric,
            isPresent: { _ in true }, pool: nil)
        return (fixture, fixture.index.searched(by: .rabitq(arena.space), owner: arena))
    }

    private static func recall(
        of answers: [[Neighbour]], _ fixture: Fixture, _ queries: [[Float]],
        admission: Admission = .all
    ) -> Double {
        var hits = 0
        var wanted = 0
        for (query, found) in zip(queries, answers) {
            let truth = fixture.exact(query, k: 10, admission: admission)
            guard let worst = truth.last else { continue }
            wanted += truth.count
            hits += found.count { $0.distance <= worst.distance + 1e-6 }
        }
        return Double(hits) / Double(max(1, wanted))
    }

    @Test(
        "Recall keeps its floor, and answers their exact distances", arguments: RaBitQBits.allCases,
        [Metric.euclid, .cosine, .dot])
    func recall(bits: RaBitQBits, metric: Metric) throws {
        let vectors = clusteredVectors(count: 4000, dimension: 96, seed: 1)
        let (fixture, index) = try Self.coded(vectors, bits, metric: metric)
        let queries = clusteredVectors(count: 60, dimension: 96, seed: 2).map(
            fixture.kernel.prepare)
        let answers = queries.map { index.search($0, k: 10, ef: 200) }
        let floor = bits == .one ? 0.9 : 0.97
        #expect(Self.recall(of: answers, fixture, queries) > floor)
        for (query, found) in zip(queries, answers) {
            #expect(found == found.sorted())
            let exact = fixture.exact(query, k: 4000).reduce(into: [UInt32: Float]()) {
                $0[$1.ordinal] = $1.distance
            }
            #expect(found.allSatisfy { exact[$0.ordinal] == $0.distance })
        }
    }

    @Test("Without rescoring distances are estimates in order", arguments: RaBitQBits.allCases)
    func estimates(bits: RaBitQBits) throws {
        let vectors = clusteredVectors(count: 2000, dimension: 96, seed: 3)
        let (fixture, index) = try Self.coded(vectors, bits)
        for query in clusteredVectors(count: 20, dimension: 96, seed: 4) {
            let found = index.search(query, k: 10, ef: 100, rescoring: .never)
            #expect(found.count == 10 && found == found.sorted())
            #expect(found.allSatisfy { $0.distance >= 0 })
            let exact = index.search(query, k: 10, ef: 100)
            #expect(found.map(\.distance) != exact.map(\.distance))
            // Not more rows than were asked for are measured by their vectors.
            let few = index.search(query, k: 10, ef: 100, rescoring: .nearest(10))
            let nearest = Set(index.search(query, k: 10, ef: 100, rescoring: .never).map(\.ordinal))
            #expect(Set(few.map(\.ordinal)) == nearest && few == few.sorted())
        }
        // 8-bit codes have estimates as well.
        let query = clusteredVectors(count: 1, dimension: 96, seed: 5)[0]
        let found = fixture.index.search(query, k: 10, ef: 100, rescoring: .never)
        #expect(found.count == 10 && found == found.sorted())
    }

    @Test("A scan tells by errors which vectors it takes", arguments: RaBitQBits.allCases)
    func scan(bits: RaBitQBits) throws {
        let vectors = clusteredVectors(count: 3000, dimension: 96, seed: 6)
        let (fixture, index) = try Self.coded(vectors, bits)
        var filter = Bitmap(count: 3000)
        for row in stride(from: 0, to: 3000, by: 3) { filter[row] = true }
        for admission in [Admission.all, Admission(filter: filter)] {
            let queries = clusteredVectors(count: 40, dimension: 96, seed: 7)
            let answers = queries.map {
                index.scan($0, range: 0..<3000, k: 10, candidates: 10, admission: admission)
            }
            #expect(Self.recall(of: answers, fixture, queries, admission: admission) > 0.995)
            #expect(answers.allSatisfy { $0 == $0.sorted() && $0.count == 10 })
        }
        let estimates = index.scan(
            vectors[0], range: 0..<3000, k: 5, candidates: 5, rescoring: .never)
        #expect(estimates.count == 5 && estimates == estimates.sorted())
        #expect(index.scan(vectors[0], range: 7..<9, k: 5, candidates: 5).count == 2)
    }

    @Test("Codes do not depend on threads, nor on rows without a vector")
    func determinism() throws {
        let vectors = clusteredVectors(count: 5000, dimension: 64, seed: 8)
        let arena = try VectorArena(dimension: 64, capacity: 5000)
        for (row, vector) in vectors.enumerated() { arena.store(vector, at: row) }
        func section(_ pool: WorkerPool?) throws -> [UInt8] {
            unsafe try RaBitQArena.coding(
                arena.space, rowCount: 5000, bits: .two, metric: .euclid,
                isPresent: { $0 % 7 != 0 }, pool: pool
            ).withBytes { unsafe Array($0) }
        }
        let alone = try section(nil)
        for threads in [1, 3] {
            #expect(try withPool(threadCount: threads) { try section($0) } == alone)
        }
    }

    @Test("Copies of one vector are all found", arguments: RaBitQBits.allCases)
    func copies(bits: RaBitQBits) throws {
        for value in [Float(0), 0.5, 1e-30, 1e30] {
            let vectors = [[Float]](
                repeating: [Float](repeating: value, count: 70), count: 400)
            let (_, index) = try Self.coded(vectors, bits)
            #expect(index.search(vectors[0], k: 400, ef: 400).count == 400, "\(value)")
            #expect(index.scan(vectors[0], range: 0..<400, k: 400, candidates: 400).count == 400)
        }
    }

    @Test("The recall of walks is measured with the codes that they use")
    func measuredRecall() throws {
        let vectors = clusteredVectors(count: 3000, dimension: 96, seed: 9)
        let (fixture, index) = try Self.coded(vectors, .one)
        #expect(index.recallCurve == nil)
        try withPool(threadCount: 2) {
            fixture.index.measureRecall(pool: $0)
            index.measureRecall(pool: $0)
            let fine = try #require(fixture.index.recallCurve).recall(ef: 16, k: 10)
            let coarse = try #require(index.recallCurve).recall(ef: 16, k: 10)
            #expect(coarse < fine)
        }
    }

    @Test("Codes of other vectors are told from the right ones")
    func otherCodes() throws {
        let vectors = clusteredVectors(count: 300, dimension: 64, seed: 10)
        let (_, index) = try Self.coded(vectors, .four)
        #expect(index.firstRowWithOtherCodes() == nil)
        let others = try Fixture.built(vectors, hasCodes: true)
        let arena = try RaBitQArena(
            capacity: 300, bits: .four, metric: .euclid,
            centroid: [Float](repeating: 0, count: 64))
        arena.store(0..<17, of: others.arena.space)
        arena.store(18..<300, of: others.arena.space)
        #expect(
            others.index.searched(by: .rabitq(arena.space), owner: arena)
                .firstRowWithOtherCodes() == 17)
    }
}
