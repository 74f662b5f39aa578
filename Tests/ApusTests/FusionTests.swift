import ApusCore
import ApusQuery
import Foundation
import Testing

/// Holds fused rankings and recommendation scores against what the wire API's own engine gave; see
/// Fixtures/fusion/make_cases.py.
@Suite struct FusionTests {
    @Test func fusedRankingsAreThoseOfTheEngine() throws {
        for test in try Cases.read().fusion {
            let fusion: Fusion =
                test.method == "rrf"
                ? .reciprocalRank(k: test.k, weights: test.weights) : .distributionBased
            let fused = fusion.merge(test.rankings.map { $0.map(\.point) })
            #expect(fused.count == test.fused.count)
            let expected = Dictionary(
                uniqueKeysWithValues: test.fused.map { ($0.point.id, $0.point.score) })
            for point in fused {
                let score = try #require(expected[point.id])
                #expect(abs(point.score - score) <= 1e-4 * max(1, abs(score)), "\(test)")
            }
            for (point, next) in zip(fused, fused.dropFirst()) {
                #expect(
                    point.score > next.score || (point.score == next.score && point.id < next.id))
            }
        }
    }

    @Test func oneResultAndEqualScoresAreWorthOneHalf() {
        let one = Fusion.distributionBased.merge([[RankedPoint(id: 1, score: 7)]])
        #expect(one == [RankedPoint(id: 1, score: 0.5)])
        let equal = Fusion.distributionBased.merge([
            [RankedPoint(id: 2, score: 3), RankedPoint(id: 1, score: 3)], [],
        ])
        #expect(equal == [RankedPoint(id: 1, score: 0.5), RankedPoint(id: 2, score: 0.5)])
    }

    @Test func recommendationScoresAreThoseOfTheEngine() throws {
        let recommend = try Cases.read().recommend
        for test in recommend.cases {
            for entry in test.ranking {
                guard case .number(let number) = entry.point.id else { continue }
                let vector = recommend.vectors[Int(number)]
                let positive = test.positive.map { similarity(test.metric, vector, $0) }
                let negative = test.negative.map { similarity(test.metric, vector, $0) }
                let form: ExampleScore =
                    test.strategy == "best_score"
                    ? .bestScore(positive: positive.count) : .sumScores(positive: positive.count)
                let score = form.score(positive + negative)
                #expect(abs(score - entry.point.score) <= 1e-4, "\(test.metric) \(test.strategy)")
            }
        }
    }

    @Test func theAverageIsDrawnToTheWantedAndAwayFromTheUnwanted() {
        let wanted: [Vector] = [.dense([1, 0]), .dense([3, 2])]
        #expect(AverageVector.of(positive: wanted, negative: []) == .dense([2, 1]))
        #expect(AverageVector.of(positive: wanted, negative: [.dense([1, 1])]) == .dense([3, 1]))
        #expect(AverageVector.of(positive: [], negative: wanted) == nil)
        #expect(AverageVector.of(positive: wanted, negative: [.multi([[1, 1]])]) == nil)
    }

    @Test func sparseAndMultiVectorsHaveAveragesOfTheirOwn() {
        func sparse(_ indices: [UInt32], _ values: [Float]) -> Vector {
            .sparse(SparseVector(indices: indices, values: values))
        }
        #expect(
            AverageVector.of(
                positive: [sparse([1, 5], [2, 4]), sparse([5], [2])],
                negative: [sparse([1, 9], [1, 3])])
                == sparse([1, 5, 9], [1, 6, -3]))
        #expect(
            AverageVector.of(
                positive: [.multi([[1, 2], [3, 4]])], negative: [.multi([[5, -6]])])
                == .multi([[1, 2], [3, 4], [-5, 6]]))
    }

    private func similarity(_ metric: String, _ a: [Float], _ b: [Float]) -> Float {
        func dot(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        switch metric {
        case "dot": return dot(a, b)
        case "cosine": return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
        case "euclid": return -zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        default: return -zip(a, b).reduce(0) { $0 + abs($1.0 - $1.1) }
        }
    }
}

@Suite struct GroupCollectorTests {
    @Test func groupsStandInTheOrderOfTheirBestHits() {
        var collector = GroupCollector<Int>(limit: 2, groupSize: 2)
        collector.add(1, values: ["a"])
        collector.add(2, values: ["a", 5, "a"])
        #expect(!collector.isComplete)
        collector.add(3, values: ["a", "c"])
        collector.add(4, values: [nil, 5.0, ["x"], true])
        collector.add(5, values: [])
        #expect(!collector.isComplete)
        collector.add(6, values: [5])
        #expect(collector.isComplete)
        collector.add(7, values: [5, "d"])
        #expect(collector.groups.map(\.id) == [.string("a"), .unsigned(5)])
        #expect(collector.groups.map(\.hits) == [[1, 2], [2, 6]])
    }

    @Test func hugeAndZeroLimitsReserveNothing() {
        var huge = GroupCollector<Int>(limit: .max, groupSize: .max)
        huge.add(1, values: [-1])
        #expect(huge.groups.map(\.id) == [.integer(-1)])
        var none = GroupCollector<Int>(limit: 0, groupSize: 3)
        none.add(1, values: [1])
        #expect(none.groups.isEmpty && none.isComplete)
        var empty = GroupCollector<Int>(limit: 3, groupSize: 0)
        empty.add(1, values: [1])
        #expect(empty.groups.isEmpty && empty.isComplete)
    }
}

private struct Cases: Decodable {
    struct Entry: Decodable {
        let point: RankedPoint

        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            let id = PointID.number(try container.decode(UInt64.self))
            point = RankedPoint(id: id, score: try container.decode(Float.self))
        }
    }

    struct FusionCase: Decodable {
        let rankings: [[Entry]]
        let method: String
        let k: Int
        let weights: [Float]
        let fused: [Entry]
    }

    struct Recommendations: Decodable {
        struct Case: Decodable {
            let metric: String
            let strategy: String
            let positive: [[Float]]
            let negative: [[Float]]
            let ranking: [Entry]
        }

        let vectors: [[Float]]
        let cases: [Case]
    }

    let fusion: [FusionCase]
    let recommend: Recommendations

    static func read() throws -> Cases {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "Fixtures/fusion/fusion.json")
        return try JSONDecoder().decode(Cases.self, from: Data(contentsOf: file))
    }
}
