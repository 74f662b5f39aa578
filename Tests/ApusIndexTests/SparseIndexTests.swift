import ApusCore
import ApusIndex
import TestSupport
import Testing

@Suite struct SparseIndexTests {
    @Test func searchesFindWhatAScanFinds() throws {
        for seed in 0..<40 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let model = randomVectors(&random, count: 1 + Int(seed) * 37)
            let index = SparseIndex()
            for (ordinal, vector) in model { index.insert(vector, ordinal: ordinal) }
            let count = model.count { !$0.1.indices.isEmpty }
            #expect(index.count == count)
            try withMapped(index) { mapped in
                #expect(mapped.count == count)
                #expect(mapped.postingCount == index.postingCount)
                for _ in 0..<10 {
                    let query = randomVector(&random)
                    let k = [0, 1, 3, 10, .max].randomElement(using: &random) ?? 1
                    let modulus = UInt32.random(in: 1...3, using: &random)
                    let expected = scan(model, query, k) { $0 % modulus == 0 }
                    for lists in [index, mapped] as [any SparseLists] {
                        let found = lists.search(query: query, k: k) { $0 % modulus == 0 }
                        #expect(found == expected, "seed \(seed)")
                    }
                    for term in query.indices {
                        let frequency = model.count { $0.1.indices.contains(term) }
                        #expect(index.documentFrequency(of: term) == frequency)
                        #expect(mapped.documentFrequency(of: term) == frequency)
                    }
                }
            }
        }
    }

    /// Weights with all their bits, so that a sum in another order is another number.
    @Test func whatIsSkippedChangesNoAnswer() throws {
        for seed in 0..<6 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let index = SparseIndex()
            for ordinal in 0..<12_000 as Range<UInt32> {
                index.insert(skewedVector(&random, isSigned: seed % 3 == 2), ordinal: ordinal * 3)
            }
            var narrow = Bitmap(count: 36_000)
            for _ in 0..<40 { narrow[Int.random(in: 0..<36_000, using: &random)] = true }
            var wide = Bitmap(count: 30_000, repeating: true)
            for ordinal in 0..<30_000 where random.next() % 3 == 0 { wide[ordinal] = false }
            try withMapped(index) { mapped in
                for _ in 0..<15 {
                    let query = skewedVector(&random, isSigned: seed % 3 == 1)
                    for (k, filter) in [(1, nil), (10, nil), (100, wide), (10, wide), (10, narrow)]
                        as [(Int, Bitmap?)]
                    {
                        for lists in [index, mapped] as [any SparseLists] {
                            let answers = [SparsePlan.exhaustive, .pruned].map { plan in
                                lists.search(
                                    query: query, k: k, filter: filter, plan: plan, watch: nil
                                ) { row in
                                    row % 11 != 0
                                        && filter.map { Int(row) < $0.count && $0[Int(row)] }
                                            ?? true
                                }
                            }
                            #expect(answers[0] == answers[1], "seed \(seed), k \(k)")
                            #expect(filter == narrow || !answers[0].isEmpty)
                        }
                    }
                }
            }
        }
    }

    /// Common indices are light and rare ones heavy, as with inverse document frequencies.
    @Test func mostEntriesOfCommonIndicesAreSkipped() {
        var random = SeededGenerator(seed: 1)
        let index = SparseIndex()
        for ordinal in 0..<50_000 as Range<UInt32> {
            index.insert(skewedVector(&random, isSigned: false), ordinal: ordinal)
        }
        let query = SparseVector(indices: [0, 1, 150], values: [0.1, 0.2, 5])
        let counts = [SparsePlan.exhaustive, .pruned].map { plan in
            let watch = SearchWatch()
            _ = index.search(
                query: query, k: 10, filter: nil, plan: plan, watch: watch, admits: { _ in true })
            return watch.measuredCount
        }
        #expect(counts[0] == query.indices.reduce(0) { $0 + index.documentFrequency(of: $1) })
        #expect(counts[1] < counts[0] / 4, "\(counts)")
    }

    @Test func equalScoresAreInOrderOfOrdinalsWhateverIsSkipped() {
        let index = SparseIndex()
        for ordinal in 0..<20_000 as Range<UInt32> {
            let isRare = ordinal % 1000 == 999
            index.insert(
                SparseVector(indices: isRare ? [1, 2] : [1], values: isRare ? [1, 3] : [4]),
                ordinal: ordinal)
        }
        let query = SparseVector(indices: [1, 2], values: [1, 1])
        let found = index.search(query: query, k: 25, admits: { _ in true })
        #expect(found == (0..<25).map { SparseMatch(ordinal: $0, score: 4) })
        let rare = index.search(query: query, k: 3, admits: { $0 >= 998 })
        #expect(rare == [998, 999, 1000].map { SparseMatch(ordinal: $0, score: 4) })
    }

    /// What overflows cannot be bounded, and is added up as it always was.
    @Test func weightsThatOverflowAreAddedUp() {
        let index = SparseIndex()
        for ordinal in 0..<9_000 as Range<UInt32> {
            index.insert(
                SparseVector(indices: [1, 2], values: [3e38, Float(ordinal)]), ordinal: ordinal)
        }
        let query = SparseVector(indices: [1, 2], values: [3e38, 1])
        let found = index.search(query: query, k: 2, admits: { _ in true })
        #expect(found == [0, 1].map { SparseMatch(ordinal: $0, score: .infinity) })
    }

    /// The bytes of version 1, which had no bounds.
    @Test func sectionsOfTheFirstVersionAreSearched() throws {
        var random = SeededGenerator(seed: 3)
        let index = SparseIndex()
        for ordinal in 0..<5_000 as Range<UInt32> {
            index.insert(skewedVector(&random, isSigned: true), ordinal: ordinal)
        }
        var writer = ByteWriter()
        index.encode(to: &writer)
        var bytes = writer.bytes
        let blockCount = (0..<200 as Range<UInt32>).reduce(0) {
            $0 + (index.documentFrequency(of: $1) + 127) / 128
        }
        bytes.removeLast(blockCount * 8)
        bytes[0] = 1
        try unsafe bytes.withUnsafeBytes { buffer in
            let mapped = try unsafe MappedSparseIndex(buffer)
            for _ in 0..<20 {
                let query = skewedVector(&random, isSigned: true)
                #expect(
                    mapped.search(query: query, k: 10, admits: { _ in true })
                        == index.search(query: query, k: 10, admits: { _ in true }))
            }
        }
        bytes[0] = 2
        #expect(throws: MalformedBytes.self) {
            try unsafe bytes.withUnsafeBytes { _ = try unsafe MappedSparseIndex($0) }
        }
    }

    @Test func pointsThatShareNoIndexAreNotFound() {
        let index = SparseIndex()
        index.insert(SparseVector(indices: [1, 5], values: [1, -1]), ordinal: 3)
        index.insert(SparseVector(indices: [7], values: [1]), ordinal: 9)
        index.insert(SparseVector(indices: [], values: []), ordinal: 10)
        let found = index.search(
            query: SparseVector(indices: [5, 1], values: [1, 1]), k: 10, admits: { _ in true })
        #expect(found == [SparseMatch(ordinal: 3, score: 0)])
    }

    @Test func searchesDuringInsertionSeeWholeVectors() async {
        let index = SparseIndex()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for ordinal in 0..<20_000 as Range<UInt32> {
                    index.insert(
                        SparseVector(indices: [2, 1], values: [1, 1]), ordinal: ordinal)
                }
            }
            group.addTask {
                let query = SparseVector(indices: [1, 2], values: [1, 1])
                var seen = 0
                while seen < 20_000 {
                    let found = index.search(query: query, k: .max, admits: { _ in true })
                    #expect(found.allSatisfy { $0.score == 2 })
                    #expect(found.count >= seen)
                    #expect(found.map(\.ordinal) == Array(0..<UInt32(found.count)))
                    seen = found.count
                }
            }
        }
        #expect(index.documentFrequency(of: 2) == 20_000)
    }

    @Test func rareIndicesWeighMore() {
        let weights = [0, 1, 10, 100].map {
            SparseIndex.inverseDocumentFrequency(documentCount: 100, documentFrequency: $0)
        }
        #expect(weights == weights.sorted(by: >))
        #expect(abs(weights[1] - 4.2097) < 0.001)
        #expect(weights[3] > 0)
    }

    @Test func scoresWithInverseDocumentFrequencyAreThoseOfTheWireAPIsEngine() {
        let index = SparseIndex()
        let vectors: [SparseVector] = [
            SparseVector(indices: [1, 2], values: [1, 2]),
            SparseVector(indices: [2, 3], values: [0.5, -1]),
            SparseVector(indices: [2], values: [3]), SparseVector(indices: [7], values: [1]),
            SparseVector(indices: [], values: []),
        ]
        for (ordinal, vector) in vectors.enumerated() {
            index.insert(vector, ordinal: UInt32(ordinal))
        }
        var query = SparseVector(indices: [1, 2, 3], values: [1, 1, 2])
        for (position, term) in query.indices.enumerated() {
            query.values[position] *= SparseIndex.inverseDocumentFrequency(
                documentCount: index.count, documentFrequency: index.documentFrequency(of: term))
        }
        let found = index.search(query: query, k: 10, admits: { _ in true })
        #expect(found.map(\.ordinal) == [0, 2, 1])
        for (match, score) in zip(found, [1.9173228, 1.0700250, -2.2296081] as [Float]) {
            #expect(abs(match.score - score) < 1e-5)
        }
    }

    @Test func damagedSectionsThrowOrAnswerButNeverTrap() throws {
        var random = SeededGenerator(seed: 5)
        let index = SparseIndex()
        for (ordinal, vector) in randomVectors(&random, count: 12) {
            index.insert(vector, ordinal: ordinal)
        }
        var writer = ByteWriter()
        index.encode(to: &writer)
        for position in writer.bytes.indices {
            for bit in 0..<8 {
                var bytes = writer.bytes
                bytes[position] ^= 1 << UInt8(bit)
                for length in [bytes.count, position] {
                    unsafe bytes[..<length].withUnsafeBytes { buffer in
                        let query = SparseVector(
                            indices: Array(0..<30), values: Array(repeating: 1, count: 30))
                        _ = try? unsafe MappedSparseIndex(buffer)
                            .search(query: query, k: 5, admits: { _ in true })
                    }
                }
            }
        }
    }

    private func withMapped(
        _ index: SparseIndex, _ body: (MappedSparseIndex) throws -> Void
    ) throws {
        var writer = ByteWriter()
        index.encode(to: &writer)
        try unsafe writer.bytes.withUnsafeBytes { try body(try unsafe MappedSparseIndex($0)) }
    }

    /// Vectors at ascending ordinals with gaps.
    private func randomVectors(
        _ random: inout SeededGenerator, count: Int
    ) -> [(UInt32, SparseVector)] {
        var ordinal: UInt32 = 0
        return (0..<count).map { _ in
            ordinal += UInt32.random(in: 1...40, using: &random)
            return (ordinal, randomVector(&random))
        }
    }

    /// Weights are small multiples of a power of two, so sums do not depend on their order.
    private func randomVector(_ random: inout SeededGenerator) -> SparseVector {
        let indices = Array(
            Set(
                (0..<Int.random(in: 0...8, using: &random)).map { _ in
                    UInt32.random(in: 0..<30, using: &random)
                }))
        let values = indices.map { _ in Float(Int.random(in: -8...8, using: &random)) / 4 }
        return SparseVector(indices: indices, values: values)
    }

    /// Some of 200 indices, of which the first are the most common.
    private func skewedVector(
        _ random: inout SeededGenerator, isSigned: Bool
    ) -> SparseVector {
        let indices = Set(
            (0..<Int.random(in: 1...12, using: &random)).map { _ in
                let place = Float.random(in: 0..<1, using: &random)
                return UInt32(200 * place * place * place)
            })
        return SparseVector(
            indices: indices.sorted(),
            values: indices.map { _ in
                let value = Float.random(in: 0.01..<1, using: &random)
                return isSigned && random.next() % 2 == 0 ? -value : value
            })
    }

    private func scan(
        _ model: [(UInt32, SparseVector)], _ query: SparseVector, _ k: Int,
        admits: (UInt32) -> Bool
    ) -> [SparseMatch] {
        let weights = Dictionary(uniqueKeysWithValues: zip(query.indices, query.values))
        let matches = model.filter { admits($0.0) }.compactMap { ordinal, vector in
            let products = zip(vector.indices, vector.values).compactMap { index, value in
                weights[index].map { $0 * value }
            }
            return products.isEmpty
                ? nil : SparseMatch(ordinal: ordinal, score: products.reduce(0, +))
        }
        let sorted = matches.sorted {
            $0.score != $1.score ? $0.score > $1.score : $0.ordinal < $1.ordinal
        }
        return Array(sorted.prefix(k))
    }
}
