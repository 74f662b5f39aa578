import ApusCore
import ApusIndex
import ApusKernels
import Foundation
import Testing

/// Vectors with an IVF-PQ index over them.
struct IVFFixture {
    let arena: VectorArena
    let index: IVFIndex
    let kernel: DistanceKernel
    let count: Int

    init(
        _ vectors: [[Float]], metric: Metric = .euclid, element: VectorElement = .float32,
        lists: Int? = nil, parts: Int? = nil, bits: Int = 4, spills: Bool = false,
        threadCount: Int = 2,
        isPresent: @escaping @Sendable (Int) -> Bool = { _ in true }
    ) throws {
        kernel = DistanceKernel(metric: metric, element: element)
        count = vectors.count
        let dimension = vectors.first?.count ?? 1
        arena = try VectorArena(
            dimension: dimension, element: element, capacity: max(1, vectors.count))
        for (row, vector) in vectors.enumerated() { arena.store(kernel.prepare(vector), at: row) }
        let rows = vectors.indices.filter(isPresent).map { UInt32($0) }
        let parameters = IVFParameters(
            listCount: lists, partCount: parts, bits: bits, spills: spills,
            vectorCount: rows.count, metric: metric, dimension: dimension)
        let (arena, count) = (arena, count)
        index = try withPool(threadCount: threadCount) { pool in
            try IVFIndex.build(
                IVFQuantizer.trained(parameters, on: rows, of: arena.space, pool: pool),
                vectors: arena.space, rowCount: count, isPresent: isPresent, owner: arena,
                pool: pool)
        }
    }

    func exact(_ query: [Float], k: Int, admission: Admission = .all) -> [Neighbour] {
        ExactScan.search(
            kernel.prepare(query), kernel: kernel, vectors: arena.space, range: 0..<count, k: k,
            admission: admission)
    }

    func recall(
        _ queries: [[Float]], k: Int = 10, probes: Int, candidates: Int? = nil,
        admission: Admission = .all
    ) -> Double {
        var hits = 0
        for query in queries {
            let truth = exact(query, k: k, admission: admission)
            let found = index.search(
                kernel.prepare(query), k: k, probes: probes,
                candidates: candidates ?? IVFIndex.candidates(k: k), admission: admission)
            guard let worst = truth.last else { continue }
            hits += found.count { $0.distance <= worst.distance }
        }
        return Double(hits) / Double(k * queries.count)
    }

    func sections() -> [IVFFormat.Section: [UInt8]] {
        var sections: [IVFFormat.Section: [UInt8]] = [:]
        unsafe index.withEncodedSections { section, bytes in
            sections[section] = unsafe Array(bytes)
        }
        return sections
    }

    func opened(_ sections: [IVFFormat.Section: [UInt8]], inMemory: Bool) throws -> IVFIndex {
        // Where mapped sections lie: at multiples of 64 bytes.
        let memory = try sections.mapValues { try SectionMemory($0) }
        return unsafe try IVFIndex.open(
            sections: memory.mapValues { unsafe $0.bytes }, vectors: arena.space,
            vectorCount: count, isInMemory: inMemory, owner: Keeper(Array(memory.values)))
    }
}

private final class SectionMemory: Sendable {
    private let memory: ReservedMemory
    private let count: Int

    init(_ bytes: [UInt8]) throws {
        memory = try ReservedMemory(byteCount: bytes.count)
        count = bytes.count
        unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: count).copyBytes(
            from: bytes)
    }

    var bytes: UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: memory.base, count: count)
    }
}

private final class Keeper: Sendable {
    private let memory: [SectionMemory]

    init(_ memory: [SectionMemory]) { self.memory = memory }
}

@Suite("IVF-PQ") struct IVFIndexTests {
    @Test("With every list and every candidate it is an exact search", arguments: [4, 8])
    func exhaustive(bits: Int) throws {
        for metric in [Metric.euclid, .cosine, .dot] {
            let fixture = try IVFFixture(
                clusteredVectors(count: 900, dimension: 20, seed: 1), metric: metric, bits: bits)
            for query in clusteredVectors(count: 20, dimension: 20, seed: 2) {
                let found = fixture.index.search(
                    fixture.kernel.prepare(query), k: 15, probes: .max, candidates: 900)
                #expect(found == fixture.exact(query, k: 15))
            }
        }
    }

    @Test("Recall rises with the lists that are looked into", arguments: [4, 8])
    func recall(bits: Int) throws {
        for metric in [Metric.euclid, .cosine, .dot] {
            let fixture = try IVFFixture(
                clusteredVectors(count: 8000, dimension: 48, seed: 3), metric: metric, bits: bits)
            let queries = clusteredVectors(count: 60, dimension: 48, seed: 4)
            let (few, many) = (
                fixture.recall(queries, probes: 4), fixture.recall(queries, probes: 64)
            )
            #expect(few < many && few > 0.3, "\(metric)")
            #expect(many > 0.9, "\(metric)")
            #expect(fixture.index.checkInvariants() == [])
        }
    }

    @Test("Recall of real embeddings and descriptors keeps its floor")
    func realRecall() throws {
        guard let text = sharedDataset("pypi-minilm-100k"),
            let image = sharedDataset("sift-like-200k")
        else {
            print("skipped: no data sets in APUS_SHARED or ../shared")
            return
        }
        let words = try IVFFixture(
            rows(ofNPY: text.appendingPathComponent("base.f16.npy"), limit: 8000), metric: .cosine)
        #expect(
            words.recall(
                try rows(ofNPY: text.appendingPathComponent("query.f32.npy"), limit: 200),
                probes: 64) > 0.93)
        let images = try IVFFixture(
            rows(ofNPY: image.appendingPathComponent("base.u8.npy"), limit: 10_000))
        #expect(
            images.recall(
                try rows(ofNPY: image.appendingPathComponent("query.u8.npy"), limit: 200),
                probes: 64) > 0.97)
    }

    @Test("Only what is admitted is answered, and all of that can be found")
    func admission() throws {
        let fixture = try IVFFixture(clusteredVectors(count: 3000, dimension: 24, seed: 5))
        let queries = clusteredVectors(count: 30, dimension: 24, seed: 6)
        for share in [2, 20, 300] {
            var filter = Bitmap(count: 3000)
            for row in stride(from: 1, to: 3000, by: share) { filter[row] = true }
            let admission = Admission(visibleCount: 2500, filter: filter)
            for query in queries {
                let found = fixture.index.search(
                    query, k: 10, probes: .max, candidates: 2000, admission: admission)
                #expect(found == fixture.exact(query, k: 10, admission: admission))
            }
        }
        let nothing = Admission(filter: Bitmap(count: 3000))
        #expect(
            fixture.index.search(queries[0], k: 5, probes: 8, candidates: 50, admission: nothing)
                == [])
    }

    @Test("The same bytes come out with any number of threads")
    func threads() throws {
        let vectors = clusteredVectors(count: 4000, dimension: 33, seed: 7)
        let one = try IVFFixture(vectors, threadCount: 1).sections()
        let three = try IVFFixture(vectors, threadCount: 3).sections()
        #expect(one == three)
    }

    @Test("Rows without a vector are in no list")
    func absent() throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 1000, dimension: 16, seed: 8), isPresent: { $0 % 3 != 1 })
        let found = fixture.index.search(
            Array(repeating: 0, count: 16), k: 1000, probes: .max, candidates: 1000)
        #expect(found.count == 667)
        #expect(found.allSatisfy { $0.ordinal % 3 != 1 })
        #expect(fixture.index.checkInvariants(isPresent: { $0 % 3 != 1 }) == [])
        #expect(fixture.index.checkInvariants() != [])
    }

    @Test("Few vectors, equal ones, zeros, one component: each is found")
    func extremes() throws {
        let cases: [[[Float]]] = [
            [[1, 2, 3]],
            Array(repeating: [0.25, -3, 7, 1, 1], count: 700),
            Array(repeating: Array(repeating: 0, count: 8), count: 300),
            (0..<500).map { [Float($0)] },
            (0..<40).map { [Float($0), 1e18, -1e18] },
            clusteredVectors(count: 20, dimension: 3000, seed: 9),
        ]
        for vectors in cases {
            for metric in [Metric.euclid, .cosine, .dot] {
                for (lists, parts, bits) in [(nil, nil, 4), (64, 4, 8), (65_536, 256, 4)] {
                    let fixture = try IVFFixture(
                        vectors, metric: metric, lists: lists, parts: parts, bits: bits)
                    let query = fixture.kernel.prepare(vectors[0])
                    let found = fixture.index.search(
                        query, k: 1000, probes: .max, candidates: .max)
                    #expect(found.count == vectors.count)
                    #expect(found.first?.distance == fixture.exact(vectors[0], k: 1)[0].distance)
                    #expect(fixture.index.checkInvariants() == [])
                }
            }
        }
        let empty = try IVFFixture([])
        #expect(empty.index.search([1], k: 5, probes: 1, candidates: 5) == [])
    }

    @Test("A quantizer goes on for other vectors, and says how well it fits them")
    func otherVectors() throws {
        let vectors = clusteredVectors(count: 2000, dimension: 24, seed: 10)
        let fixture = try IVFFixture(vectors)
        let more = try VectorArena(dimension: 24, capacity: 3000)
        let rows = vectors + clusteredVectors(count: 1000, dimension: 24, seed: 11)
        for (row, vector) in rows.enumerated() { more.store(vector, at: row) }
        let quantizer = fixture.index.quantizer
        try withPool(threadCount: 2) { pool in
            let index = try IVFIndex.build(
                quantizer, vectors: more.space, rowCount: 3000, pool: pool)
            let query = rows[2500]
            let found = index.search(query, k: 1, probes: 8, candidates: 20)
            #expect(found.first?.ordinal == 2500)
        }
        let known = quantizer.error(of: Array(0..<2000), in: more.space)
        #expect(abs(known / quantizer.trainingError - 1) < 0.25)
        for row in 0..<1000 {
            let far = try VectorArena(dimension: 24, capacity: 1)
            far.store(rows[row].map { $0 + 9 }, at: 0)
            #expect(quantizer.error(of: [0], in: far.space) > 4 * known)
            if row == 3 { break }
        }
    }

    /// Searches for held-back queries with the probes that the curve gives for a recall.
    static func expectTargets(_ fixture: IVFFixture, queries: [[Float]]) throws {
        withPool(threadCount: 2) { fixture.index.measureRecall(pool: $0) }
        let curve = try #require(fixture.index.recallCurve)
        for k in [1, 10] {
            for target in [0.8, 0.9, 0.95] {
                let probes = try #require(curve.ef(reaching: target, k: k))
                let recall = fixture.recall(queries, k: k, probes: probes)
                #expect(recall > target - 0.02, "recall@\(k) with \(probes) probes")
            }
        }
    }

    @Test("The recall that was measured is that of held-back queries")
    func recallCurve() throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 9000, dimension: 32, seed: 12), lists: 60)
        try Self.expectTargets(
            fixture, queries: clusteredVectors(count: 300, dimension: 32, seed: 13))
    }

    @Test("The same for real text embeddings")
    func realRecallCurve() throws {
        guard let folder = sharedDataset("pypi-minilm-100k") else {
            print("skipped: no data set pypi-minilm-100k in APUS_SHARED or ../shared")
            return
        }
        let base = try rows(ofNPY: folder.appendingPathComponent("base.f16.npy"), limit: 10_000)
        let queries = try rows(ofNPY: folder.appendingPathComponent("query.f32.npy"), limit: 500)
        try Self.expectTargets(try IVFFixture(base, metric: .cosine), queries: queries)
    }
}

@Suite("IVF-PQ in files") struct IVFFormatTests {
    @Test("An opened index answers like the one that was encoded", arguments: [4, 8])
    func opened(bits: Int) throws {
        for metric in [Metric.euclid, .dot] {
            let fixture = try IVFFixture(
                clusteredVectors(count: 1500, dimension: 20, seed: 14), metric: metric, bits: bits)
            for inMemory in [false, true] {
                let index = try fixture.opened(fixture.sections(), inMemory: inMemory)
                for query in clusteredVectors(count: 20, dimension: 20, seed: 15) {
                    let query = fixture.kernel.prepare(query)
                    #expect(
                        index.search(query, k: 10, probes: 5, candidates: 50)
                            == fixture.index.search(query, k: 10, probes: 5, candidates: 50))
                }
            }
        }
    }

    @Test("A short, long or missing section is an error")
    func lengths() throws {
        let fixture = try IVFFixture(clusteredVectors(count: 200, dimension: 8, seed: 16))
        let sections = fixture.sections()
        for section in IVFFormat.Section.allCases {
            var changed = sections
            changed[section] = nil
            #expect(throws: MalformedBytes.self) { try fixture.opened(changed, inMemory: true) }
            for count in [0, 1, (sections[section]?.count ?? 0) - 1] {
                changed[section] = Array((sections[section] ?? []).prefix(max(0, count)))
                #expect(throws: MalformedBytes.self) {
                    try fixture.opened(changed, inMemory: false)
                }
            }
        }
    }

    @Test("Every changed byte is an error or harmless", arguments: [4, 8])
    func changes(bits: Int) throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 150, dimension: 8, seed: 17), lists: 6, bits: bits)
        let sections = fixture.sections()
        var generator = SeededGenerator(seed: 18)
        for section in IVFFormat.Section.allCases {
            let bytes = sections[section] ?? []
            for _ in 0..<400 {
                var changed = sections
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                changed[section]?[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                guard let index = try? fixture.opened(changed, inMemory: false) else { continue }
                let found = index.search(
                    [1, 0, 0, 0, 0, 0, 0, 1], k: 20, probes: 3, candidates: 40)
                #expect(found.allSatisfy { $0.ordinal < 150 })
                _ = index.checkInvariants()
            }
        }
    }

    @Test("Codes of other vectors are told from the right ones")
    func wrongCodes() throws {
        let fixture = try IVFFixture(clusteredVectors(count: 500, dimension: 16, seed: 19))
        var sections = fixture.sections()
        sections[.codes]?[0] ^= 3
        let index = try fixture.opened(sections, inMemory: true)
        #expect(index.checkInvariants().first?.contains("another vector") == true)
    }
}
