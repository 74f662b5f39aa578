import ApusCore
import ApusIndex
import ApusKernels
import TestSupport
import Testing

/// The order of rows in which walks find what they read close together.
@Suite struct HNSWOrderTests {
    /// The rows of `vectors` in `order`, and the graph of `original` over them.
    private func renumbered(
        _ original: Fixture, _ vectors: [[Float]], _ order: [UInt32]
    ) throws -> (fixture: Fixture, index: HNSWIndex) {
        let fixture = try Fixture(
            order.map { vectors[Int($0)] }, hasCodes: original.codes != nil)
        let index = try withPool(threadCount: 2) { pool in
            try original.index.withoutDeadNodes(
                survivors: order, vectors: fixture.arena.space, codes: fixture.codes?.space,
                capacity: order.count, owner: fixture.arena, pool: pool)
        }
        return (fixture, index)
    }

    @Test(arguments: [false, true])
    func everyRowHasOnePlaceAndAnswersStay(hasCodes: Bool) throws {
        let vectors = clusteredVectors(count: 3000, dimension: 32, seed: 61)
        let original = try Fixture.built(vectors, hasCodes: hasCodes)
        let order = original.index.walkOrder {}
        #expect(order.sorted() == Array(0..<3000))
        let (fixture, index) = try renumbered(original, vectors, order)
        #expect(index.checkInvariants() == [])
        for query in clusteredVectors(count: 60, dimension: 32, seed: 62) {
            let query = fixture.kernel.prepare(query)
            let before = original.index.search(query, k: 10, ef: 40)
            let after = index.search(query, k: 10, ef: 40).map {
                Neighbour(ordinal: order[Int($0.ordinal)], distance: $0.distance)
            }
            #expect(after == before)
        }
    }

    @Test func theOrderDependsOnTheRowsAlone() throws {
        let vectors = clusteredVectors(count: 3000, dimension: 16, seed: 63)
        let first = try Fixture.built(vectors, threadCount: 1).index.walkOrder {}
        #expect(try Fixture.built(vectors, threadCount: 4).index.walkOrder {} == first)
        #expect(first != Array(0..<3000))
    }

    @Test func neighboursLieTogether() throws {
        let vectors = clusteredVectors(count: 4000, dimension: 16, seed: 64)
        let original = try Fixture.built(vectors)
        let order = original.index.walkOrder {}
        let (fixture, _) = try renumbered(original, vectors, order)
        // Vectors of no order are 4,000 / 3 rows away from their nearest on average.
        func distances(_ fixture: Fixture, _ vectors: [[Float]]) -> [Int] {
            stride(from: 0, to: 4000, by: 20).map { row in
                let nearest = fixture.exact(vectors[row], k: 2).map { Int($0.ordinal) }
                return abs((nearest.first { $0 != row } ?? row) - row)
            }.sorted()
        }
        let before = distances(original, vectors)
        let after = distances(fixture, order.map { vectors[Int($0)] })
        #expect(after[100] * 8 < before[100], "\(after[100]) of \(before[100])")
    }

    @Test func itStopsWithinTwoThousandNodes() throws {
        struct Stopped: Error {}
        let original = try Fixture.built(clusteredVectors(count: 4200, dimension: 4, seed: 66))
        var pauses = 0
        let order = original.index.walkOrder { pauses += 1 }
        #expect(pauses == 2)
        #expect(order.count == 4200)
        for last in 1...2 {
            var pauses = 0
            #expect(throws: Stopped.self) {
                try original.index.walkOrder {
                    pauses += 1
                    if pauses == last { throw Stopped() }
                }
            }
            #expect(pauses == last)
        }
        // What was stopped leaves nothing behind.
        #expect(original.index.walkOrder {} == order)
    }

    @Test func rowsWithoutAVectorComeLast() throws {
        let vectors = clusteredVectors(count: 1000, dimension: 8, seed: 65)
        let original = try Fixture.built(vectors, isPresent: { $0 % 3 != 0 })
        let order = original.index.walkOrder {}
        #expect(order.suffix(334) == (0..<334).map { UInt32($0 * 3) })
        #expect(try renumbered(original, vectors, order).index.checkInvariants() == [])
        let empty = try Fixture.built(Array(vectors.prefix(5)), isPresent: { _ in false })
        #expect(empty.index.walkOrder {} == [0, 1, 2, 3, 4])
        #expect(try Fixture.built([[1, 2]]).index.walkOrder {} == [0])
    }

    @Test func copiesOfOneVectorHaveAnOrderToo() throws {
        let vectors = [[Float]](repeating: [1, 2, 3], count: 500)
        let original = try Fixture.built(vectors)
        let order = original.index.walkOrder {}
        #expect(order.sorted() == Array(0..<500))
        #expect(try renumbered(original, vectors, order).index.checkInvariants() == [])
    }
}
