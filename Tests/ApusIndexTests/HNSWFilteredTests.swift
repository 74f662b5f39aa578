import ApusCore
import ApusIndex
import ApusKernels
import Testing

/// Searches of which few rows may be returned: walks through the others, around them, and scans.
@Suite("HNSW with refused nodes") struct HNSWFilteredTests {
    private static let count = 6000

    private static func fixture(hasCodes: Bool) throws -> Fixture {
        try Fixture.built(
            clusteredVectors(count: count, dimension: 48, seed: 1), hasCodes: hasCodes)
    }

    private static func filter(_ isAdmitted: (Int) -> Bool) -> Bitmap {
        var filter = Bitmap(count: count)
        for row in 0..<count where isAdmitted(row) { filter[row] = true }
        return filter
    }

    private static let queries = clusteredVectors(count: 60, dimension: 48, seed: 2)

    /// The share of the true ten nearest that `search` finds; all of its answers are admitted.
    private static func recall(
        _ fixture: Fixture, _ admission: Admission, _ search: ([Float]) -> [Neighbour]
    ) -> Double {
        var found = 0
        var wanted = 0
        for query in queries {
            let truth = fixture.exact(query, k: 10, admission: admission)
            let answers = search(query)
            #expect(answers == answers.sorted())
            #expect(
                answers.allSatisfy { admission.filter?[Int($0.ordinal)] ?? true },
                "only what is admitted")
            #expect(Set(answers.map(\.ordinal)).count == answers.count)
            wanted += truth.count
            if let worst = truth.last {
                found += answers.count { $0.distance <= worst.distance + 1e-6 }
            }
        }
        return Double(found) / Double(max(1, wanted))
    }

    @Test(
        "Around refused nodes recall keeps its floor",
        arguments: [2, 5, 10, 30], [false, true])
    func around(step: Int, hasCodes: Bool) throws {
        let fixture = try Self.fixture(hasCodes: hasCodes)
        let admission = Admission(filter: Self.filter { $0 % step == 0 })
        let recall = Self.recall(fixture, admission) {
            fixture.index.search($0, k: 10, ef: 128, admission: admission, skipsRefused: true)
        }
        #expect(recall > 0.9, "one in \(step)")
    }

    @Test("Where matches lie too far apart the walk goes through the others", arguments: [1, 5])
    func tooFew(matches: Int) throws {
        let fixture = try Self.fixture(hasCodes: true)
        let admission = Admission(filter: Self.filter { $0 % (Self.count / matches) == 7 })
        for query in Self.queries {
            let found = fixture.index.search(
                query, k: 10, ef: 64, admission: admission, skipsRefused: true)
            #expect(found.map(\.ordinal).count == matches)
            #expect(found == fixture.exact(query, k: 10, admission: admission))
        }
    }

    @Test("Nothing admitted, nothing found")
    func nothing() throws {
        let fixture = try Self.fixture(hasCodes: true)
        let admission = Admission(filter: Bitmap(count: Self.count))
        for skipsRefused in [false, true] {
            #expect(
                fixture.index.search(
                    Self.queries[0], k: 10, ef: 64, admission: admission,
                    skipsRefused: skipsRefused) == [])
        }
        #expect(
            fixture.index.scan(
                Self.queries[0], range: 0..<Self.count, k: 10, candidates: 64,
                admission: admission) == [])
    }

    @Test("Deleted nodes are not returned either")
    func deleted() throws {
        let fixture = try Self.fixture(hasCodes: true)
        var deletedAt = [UInt64](repeating: 0, count: Self.count)
        for row in stride(from: 0, to: Self.count, by: 2) { deletedAt[row] = row % 4 == 0 ? 5 : 9 }
        unsafe deletedAt.withUnsafeBufferPointer { marks in
            let admission = unsafe Admission(
                filter: Self.filter { $0 % 3 == 0 }, deletedAt: marks.baseAddress, readLSN: 7)
            let recall = Self.recall(fixture, admission) { query in
                let found = fixture.index.search(
                    query, k: 10, ef: 128, admission: admission, skipsRefused: true)
                #expect(found.allSatisfy { $0.ordinal % 4 != 0 }, "deleted before 7")
                return found
            }
            #expect(recall > 0.9)
            let many = fixture.index.search(
                Self.queries[0], k: 300, ef: 2000, admission: admission, skipsRefused: true)
            #expect(many.contains { $0.ordinal % 2 == 0 }, "deleted after 7: still seen")
        }
    }

    @Test("A scan by codes finds what a scan of the vectors finds", arguments: [false, true])
    func scan(hasCodes: Bool) throws {
        let fixture = try Self.fixture(hasCodes: hasCodes)
        for step in [1, 7, 500] {
            let admission = Admission(filter: step == 1 ? nil : Self.filter { $0 % step == 0 })
            for range in [0..<Self.count, 1000..<1001, 70..<3333, 500..<500] {
                for query in Self.queries.prefix(15) {
                    let exact = ExactScan.search(
                        query, kernel: fixture.kernel, vectors: fixture.arena.space, range: range,
                        k: 10, admission: admission)
                    let found = fixture.index.scan(
                        query, range: range, k: 10, candidates: 64, admission: admission)
                    #expect(found == exact, "one in \(step) of \(range)")
                }
            }
        }
    }

    @Test("A scan leaves out rows without a vector, and those that are not visible")
    func scanOfSome() throws {
        let fixture = try Self.fixture(hasCodes: true)
        let present = Self.filter { $0 % 2 == 0 }
        for query in Self.queries.prefix(15) {
            let admission = Admission(visibleCount: 1000)
            let found = fixture.index.scan(
                query, range: 0..<Self.count, k: 20, candidates: 64, isPresent: present,
                admission: admission)
            let exact = ExactScan.search(
                query, kernel: fixture.kernel, vectors: fixture.arena.space, range: 0..<Self.count,
                k: 20, isPresent: present, admission: admission)
            #expect(found == exact)
        }
    }
}
