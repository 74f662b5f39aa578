import ApusCore
import ApusIndex
import ApusKernels
import Testing

/// Indexes over halves and bytes: they find what those over floats do, and their distances are those
/// of what is stored, to the bit.
@Suite("Indexes of halves and bytes") struct ElementIndexTests {
    static let elements: [VectorElement] = [.float16, .uint8]

    /// Whole numbers from 0 to 255 for bytes; halves are taken of anything.
    private static func vectors(
        count: Int, dimension: Int, seed: UInt64, _ element: VectorElement
    ) -> [[Float]] {
        let vectors = clusteredVectors(count: count, dimension: dimension, seed: seed)
        guard element == .uint8 else { return vectors }
        return vectors.map { $0.map { ($0 + 1.6) * 79 } }
    }

    private static func expectExact(
        _ found: [Neighbour], _ query: [Float], _ fixture: Fixture, k: Int = 10
    ) -> Double {
        let all = fixture.exact(query, k: fixture.count)
        let exact = all.reduce(into: [UInt32: Float]()) { $0[$1.ordinal] = $1.distance }
        #expect(found == found.sorted())
        #expect(found.allSatisfy { exact[$0.ordinal] == $0.distance })
        let worst = all[k - 1].distance
        return Double(found.count { $0.distance <= worst }) / Double(k)
    }

    @Test("A scan measures what is stored", arguments: elements, Metric.allCases)
    func scan(element: VectorElement, metric: Metric) throws {
        let vectors = Self.vectors(count: 500, dimension: 37, seed: 1, element)
        let fixture = try Fixture(vectors, metric: metric, element: element)
        let query = fixture.kernel.prepare(
            Self.vectors(count: 1, dimension: 37, seed: 2, element)[0])
        let stored = (0..<500).map { fixture.arena.space.vector(at: $0) }
        #expect(stored == vectors.map(fixture.kernel.prepare))
        let slow = stored.enumerated().map { row, vector in
            (UInt32(row), Self.slowDistance(query, vector, metric, element))
        }
        for neighbour in fixture.exact(query, k: 500) {
            let expected = slow[Int(neighbour.ordinal)].1
            #expect(abs(neighbour.distance - expected) <= 1e-5 * max(1, abs(expected)))
        }
        let nearest = slow.min { $0.1 < $1.1 }
        #expect(fixture.exact(query, k: 1).first?.ordinal == nearest?.0)
    }

    private static func slowDistance(
        _ left: [Float], _ right: [Float], _ metric: Metric, _ element: VectorElement
    ) -> Float {
        let pairs = zip(left, right).map { (Double($0), Double($1)) }
        let dot = pairs.reduce(0) { $0 + $1.0 * $1.1 }
        switch metric {
        case .dot: return Float(-dot)
        case .euclid: return Float(pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) })
        case .manhattan: return Float(pairs.reduce(0) { $0 + abs($1.0 - $1.1) })
        case .cosine:
            guard element == .uint8 else { return Float(-dot) }
            let lengths =
                pairs.reduce(0) { $0 + $1.0 * $1.0 } * pairs.reduce(0) { $0 + $1.1 * $1.1 }
            return Float(-dot / lengths.squareRoot())
        }
    }

    @Test("Inner products of long and short vectors do not tell whose graph it is")
    func lengths() throws {
        let vectors = (0..<3000).map { [Float($0), 1] }
        #expect(try Fixture.built(vectors, metric: .dot).index.fitsVectors() == nil)
        #expect(try Fixture.built(vectors).index.fitsVectors() == true)
    }

    @Test("Graphs answer with exact distances", arguments: elements, Metric.allCases)
    func graph(element: VectorElement, metric: Metric) throws {
        let vectors = Self.vectors(count: 1200, dimension: 48, seed: 3, element)
        let hasCodes = element == .float16 && metric != .manhattan
        let fixture = try Fixture.built(
            vectors, metric: metric, element: element, hasCodes: hasCodes)
        #expect(fixture.index.checkInvariants() == [])
        #expect(fixture.index.firstRowWithOtherCodes() == nil)
        #expect(fixture.index.fitsVectors() == true)
        var recall = 0.0
        let queries = Self.vectors(count: 20, dimension: 48, seed: 4, element)
        for query in queries.map(fixture.kernel.prepare) {
            let found = fixture.index.search(query, k: 10, ef: 100)
            recall += Self.expectExact(found, query, fixture)
            let scanned = fixture.index.scan(query, range: 0..<1200, k: 10, candidates: 50)
            #expect(Self.expectExact(scanned, query, fixture) == 1)
        }
        #expect(recall / 20 > 0.97, "\(element) \(metric)")
        withPool(threadCount: 2) { fixture.index.measureRecall(pool: $0) }
        let curve = try #require(fixture.index.recallCurve)
        #expect(curve.points.last?.recalls[2] ?? 0 > 0.97)
    }

    @Test(
        "Codes of few bits lead to them, and answers are exact", arguments: elements,
        [Metric.euclid, .cosine, .dot])
    func rabitq(element: VectorElement, metric: Metric) throws {
        let vectors = Self.vectors(count: 1200, dimension: 96, seed: 5, element)
        let fixture = try Fixture.built(
            vectors, metric: metric, element: element, hasCodes: element == .float16)
        let codes = try RaBitQArena.coding(
            fixture.arena.space, rowCount: 1200, bits: .four, metric: metric,
            isPresent: { _ in true }, pool: nil)
        let index = fixture.index.searched(by: .rabitq(codes.space), owner: codes)
        #expect(index.firstRowWithOtherCodes() == nil)
        var recall = 0.0
        let queries = Self.vectors(count: 20, dimension: 96, seed: 6, element)
        for query in queries.map(fixture.kernel.prepare) {
            let found = index.search(query, k: 10, ef: 100)
            recall += Self.expectExact(found, query, fixture)
        }
        #expect(recall / 20 > 0.97, "\(element) \(metric)")
        withPool(threadCount: 2) { index.measureRecall(pool: $0) }
        #expect(try #require(index.recallCurve).points.last?.recalls[2] ?? 0 > 0.95)
    }

    @Test(
        "Lists lead to them, and answers are exact", arguments: elements,
        [Metric.euclid, .cosine, .dot])
    func lists(element: VectorElement, metric: Metric) throws {
        let vectors = Self.vectors(count: 1200, dimension: 64, seed: 7, element)
        let fixture = try IVFFixture(vectors, metric: metric, element: element, lists: 24)
        #expect(fixture.index.checkInvariants() == [])
        let queries = Self.vectors(count: 20, dimension: 64, seed: 8, element)
        #expect(fixture.recall(queries, probes: 12, candidates: 200) > 0.95, "\(element) \(metric)")
        for query in queries {
            let exact = fixture.exact(query, k: 1200).reduce(into: [UInt32: Float]()) {
                $0[$1.ordinal] = $1.distance
            }
            let found = fixture.index.search(
                fixture.kernel.prepare(query), k: 10, probes: 12, candidates: 200)
            #expect(found.allSatisfy { exact[$0.ordinal] == $0.distance })
        }
        withPool(threadCount: 2) { fixture.index.measureRecall(isPresent: { _ in true }, pool: $0) }
        #expect(try #require(fixture.index.recallCurve).points.last?.recalls[2] ?? 0 > 0.9)
        let opened = try fixture.opened(fixture.sections(), inMemory: false)
        let query = fixture.kernel.prepare(queries[0])
        #expect(
            opened.search(query, k: 10, probes: 12, candidates: 200)
                == fixture.index.search(query, k: 10, probes: 12, candidates: 200))
    }

    @Test("Bytes make the same graph on any number of threads")
    func determinism() throws {
        let vectors = Self.vectors(count: 700, dimension: 40, seed: 9, .uint8)
        let built = try [1, 3].map { threadCount in
            try Fixture.built(
                vectors, metric: .cosine, element: .uint8, threadCount: threadCount
            ).index.encoded()
        }
        #expect(built[0] == built[1])
    }
}
