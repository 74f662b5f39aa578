import ApusCore
import ApusIndex
import ApusKernels
import Testing

/// Lists in which each vector is twice.
@Suite("IVF-PQ, spilled") struct IVFSpillTests {
    @Test("With every list and every candidate it is an exact search", arguments: [4, 8])
    func exhaustive(bits: Int) throws {
        for metric in [Metric.euclid, .cosine, .dot] {
            let fixture = try IVFFixture(
                clusteredVectors(count: 900, dimension: 20, seed: 1), metric: metric, bits: bits,
                spills: true)
            #expect(fixture.index.checkInvariants() == [])
            for query in clusteredVectors(count: 20, dimension: 20, seed: 2) {
                // Twice as many places as rows: none may push another out.
                for k in [15, 900, 2000] {
                    let found = fixture.index.search(
                        fixture.kernel.prepare(query), k: k, probes: .max, candidates: 900)
                    #expect(found == fixture.exact(query, k: k))
                }
            }
        }
    }

    @Test("One list holds more of the neighbours", arguments: [Metric.euclid, .cosine])
    func places(metric: Metric) throws {
        let vectors = clusteredVectors(count: 8000, dimension: 48, seed: 3)
        let queries = clusteredVectors(count: 100, dimension: 48, seed: 4)
        let single = try IVFFixture(vectors, metric: metric, lists: 100)
        let spilled = try IVFFixture(vectors, metric: metric, lists: 100, spills: true)
        #expect(spilled.index.byteCount > single.index.byteCount * 3 / 2)
        // The same lists, each twice as long.
        let (once, twice) = (single.recall(queries, probes: 1), spilled.recall(queries, probes: 1))
        #expect(twice > once + 0.02, "\(once)")
    }

    @Test("No row is answered twice, and each candidate is measured once")
    func duplicates() throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 3000, dimension: 24, seed: 5), spills: true)
        var twice = 0
        for query in clusteredVectors(count: 30, dimension: 24, seed: 6) {
            let watch = SearchWatch()
            let found = fixture.index.search(
                query, k: 60, probes: 12, candidates: 200, watch: watch)
            #expect(Set(found.map(\.ordinal)).count == found.count)
            #expect(found == found.sorted())
            #expect(watch.rescoredCount <= 200)
            twice += 200 - watch.rescoredCount
        }
        #expect(twice > 0)
    }

    @Test("Only what is admitted is answered, and all of that can be found")
    func admission() throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 3000, dimension: 24, seed: 7), spills: true)
        for share in [2, 20, 300] {
            var filter = Bitmap(count: 3000)
            for row in stride(from: 1, to: 3000, by: share) { filter[row] = true }
            let admission = Admission(visibleCount: 2500, filter: filter)
            for query in clusteredVectors(count: 20, dimension: 24, seed: 8) {
                let found = fixture.index.search(
                    query, k: 10, probes: .max, candidates: 4000, admission: admission)
                #expect(found == fixture.exact(query, k: 10, admission: admission))
            }
        }
    }

    @Test("The same bytes come out with any number of threads")
    func threads() throws {
        let vectors = clusteredVectors(count: 4000, dimension: 33, seed: 9)
        let one = try IVFFixture(vectors, spills: true, threadCount: 1).sections()
        let three = try IVFFixture(vectors, spills: true, threadCount: 3).sections()
        #expect(one == three)
    }

    @Test("Few vectors, equal ones, zeros, one component, one list: each is found")
    func extremes() throws {
        let cases: [[[Float]]] = [
            [[1, 2, 3]],
            Array(repeating: [0.25, -3, 7, 1, 1], count: 700),
            Array(repeating: Array(repeating: 0, count: 8), count: 300),
            (0..<500).map { [Float($0)] },
            (0..<40).map { [Float($0), 1e18, -1e18] },
        ]
        for vectors in cases {
            for metric in [Metric.euclid, .cosine, .dot] {
                for (lists, bits) in [(nil, 4), (1, 4), (2, 8), (65_536, 4)] as [(Int?, Int)] {
                    let fixture = try IVFFixture(
                        vectors, metric: metric, lists: lists, bits: bits, spills: true)
                    let found = fixture.index.search(
                        fixture.kernel.prepare(vectors[0]), k: 1000, probes: .max,
                        candidates: .max)
                    #expect(found.count == vectors.count)
                    #expect(found.first?.distance == fixture.exact(vectors[0], k: 1)[0].distance)
                    #expect(fixture.index.checkInvariants() == [])
                }
            }
        }
        let empty = try IVFFixture([], spills: true)
        #expect(empty.index.search([1], k: 5, probes: 1, candidates: 5) == [])
        let partial = try IVFFixture(
            clusteredVectors(count: 1000, dimension: 16, seed: 10), spills: true,
            isPresent: { $0 % 3 != 1 })
        #expect(partial.index.checkInvariants(isPresent: { $0 % 3 != 1 }) == [])
        #expect(partial.index.checkInvariants() != [])
    }

    @Test("The recall that was measured is that of held-back queries")
    func recallCurve() throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 9000, dimension: 32, seed: 12), lists: 60, spills: true)
        try IVFIndexTests.expectTargets(
            fixture, queries: clusteredVectors(count: 300, dimension: 32, seed: 13))
    }

    // MARK: In files

    @Test("An opened index answers like the one that was encoded; single lists are of version 1")
    func opened() throws {
        let vectors = clusteredVectors(count: 1500, dimension: 20, seed: 14)
        let fixture = try IVFFixture(vectors, spills: true)
        #expect(fixture.sections()[.header]?[4..<8] == [2, 0, 0, 0])
        #expect(try IVFFixture(vectors).sections()[.header]?[4..<8] == [1, 0, 0, 0])
        for inMemory in [false, true] {
            let index = try fixture.opened(fixture.sections(), inMemory: inMemory)
            #expect(index.parameters == fixture.index.parameters)
            #expect(index.checkInvariants() == [])
            for query in clusteredVectors(count: 20, dimension: 20, seed: 15) {
                #expect(
                    index.search(query, k: 10, probes: 5, candidates: 50)
                        == fixture.index.search(query, k: 10, probes: 5, candidates: 50))
            }
        }
    }

    @Test(
        "Rows in too many lists, or in one of them twice, are an error, and so are later versions")
    func malformed() throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 150, dimension: 8, seed: 16), lists: 6, bits: 8, spills: true)
        let sections = fixture.sections()
        func refused(_ change: (inout [IVFFormat.Section: [UInt8]]) -> Void) -> MalformedBytes? {
            var changed = sections
            change(&changed)
            return #expect(throws: MalformedBytes.self) {
                try fixture.opened(changed, inMemory: false)
            }
        }
        // The second place of the first list says the row of the first.
        _ = refused { changed in
            let row = Array((changed[.rows] ?? []).prefix(4))
            changed[.rows]?.replaceSubrange(4..<8, with: row)
        }
        for count: UInt8 in [0, 1, 3, 255] { _ = refused { $0[.header]?[48] = count } }
        // A spilled index that says it were none.
        _ = refused { $0[.header]?[4] = 1 }
        #expect(refused { $0[.header]?[4] = 3 }?.isNewerFormat == true)
    }

    @Test("Every changed byte is an error or harmless", arguments: [4, 8])
    func changes(bits: Int) throws {
        let fixture = try IVFFixture(
            clusteredVectors(count: 150, dimension: 8, seed: 17), lists: 6, bits: bits,
            spills: true)
        let sections = fixture.sections()
        var generator = SeededGenerator(seed: 18)
        for section in IVFFormat.Section.allCases {
            let bytes = sections[section] ?? []
            for _ in 0..<300 {
                var changed = sections
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                changed[section]?[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                guard let index = try? fixture.opened(changed, inMemory: false) else { continue }
                let found = index.search(
                    [1, 0, 0, 0, 0, 0, 0, 1], k: 20, probes: 3, candidates: 40)
                #expect(found.allSatisfy { $0.ordinal < 150 })
                #expect(Set(found.map(\.ordinal)).count == found.count)
                _ = index.checkInvariants()
            }
        }
    }
}
