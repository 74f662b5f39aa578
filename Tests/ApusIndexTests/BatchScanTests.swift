import ApusCore
import ApusIndex
import ApusKernels
import Testing

@Suite("Several queries in one exact scan")
struct BatchScanTests {
    static let elements: [VectorElement] = [.float32, .float16, .uint8]

    @Test("Each gets the answer that it would get alone", arguments: elements, Metric.allCases)
    func answers(element: VectorElement, metric: Metric) throws {
        for (dimension, seed) in [(3, 1), (37, 2), (128, 3)] as [(Int, UInt64)] {
            var random = SeededGenerator(seed: seed)
            // Far from the origin, where products lose most; with vectors that are there twice.
            var vectors = (0..<700).map { _ in
                (0..<dimension).map { _ in Float.random(in: 90..<110, using: &random) }
            }
            for row in 0..<100 { vectors.append(vectors[row * 3]) }
            vectors.append([Float](repeating: 0, count: dimension))
            let fixture = try Fixture(vectors, metric: metric, element: element)
            let queries = (0..<70).map { query in
                fixture.kernel.prepare(
                    query % 2 == 0
                        ? vectors[query * 5]
                        : (0..<dimension).map { _ in Float.random(in: 90..<110, using: &random) })
            }
            var filter = Bitmap(count: vectors.count)
            for row in 0..<vectors.count where random.next() % 4 == 0 { filter[row] = true }
            var presence = Bitmap(count: vectors.count, repeating: true)
            for row in 0..<vectors.count where random.next() % 5 == 0 { presence[row] = false }
            let admissions = [
                Admission.all, Admission(visibleCount: 777), Admission(filter: filter),
            ]
            for (admission, range) in zip(admissions, [0..<801, 0..<801, 33..<790]) {
                for count in [1, 8, 70] {
                    let found = ExactScan.search(
                        all: Array(queries.prefix(count)), kernel: fixture.kernel,
                        vectors: fixture.arena.space, range: range, k: 12, isPresent: presence,
                        admission: admission)
                    let alone = queries.prefix(count).map { query in
                        ExactScan.search(
                            query, kernel: fixture.kernel, vectors: fixture.arena.space,
                            range: range, k: 12, isPresent: presence, admission: admission)
                    }
                    #expect(found == Array(alone), "\(dimension) dimensions")
                }
            }
        }
    }

    @Test("Numbers whose products overflow are measured all the same")
    func overflow() throws {
        let vectors = (0..<300).map { row in [Float(row) * 1e36, 1e20, -Float(row)] }
        for metric in [Metric.dot, .euclid] {
            let fixture = try Fixture(vectors, metric: metric)
            let queries = Array(vectors[0..<20])
            let found = ExactScan.search(
                all: queries, kernel: fixture.kernel, vectors: fixture.arena.space,
                range: 0..<300, k: 5)
            #expect(found == queries.map { fixture.exact($0, k: 5) })
        }
    }

    @Test("Most rows are left out by the product alone")
    func work() throws {
        let fixture = try Fixture(clusteredVectors(count: 20_000, dimension: 32, seed: 1))
        let queries = clusteredVectors(count: 64, dimension: 32, seed: 2)
        let watch = SearchWatch()
        _ = ExactScan.search(
            all: queries, kernel: fixture.kernel, vectors: fixture.arena.space,
            range: 0..<20_000, k: 10, watch: watch)
        #expect(watch.measuredCount == 64 * 20_000)
        #expect(watch.rescoredCount < watch.measuredCount / 50, "\(watch.rescoredCount)")
    }

    @Test("No rows, no answers, and none asked for")
    func nothing() throws {
        let fixture = try Fixture([[1, 2]], metric: .euclid)
        let queries = [[Float]](repeating: [1, 2], count: 9)
        for (range, k) in [(0..<0, 3), (0..<1, 0), (5..<5, 1)] {
            let found = ExactScan.search(
                all: queries, kernel: fixture.kernel, vectors: fixture.arena.space, range: range,
                k: k)
            #expect(found == queries.map { _ in [] })
        }
    }
}
