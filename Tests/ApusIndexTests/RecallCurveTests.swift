import ApusCore
import ApusIndex
import Foundation
import Testing

/// What a graph says of its own recall.
@Suite("Recall curves") struct RecallCurveTests {
    private static func measured(
        _ vectors: [[Float]], metric: Metric = .euclid, hasCodes: Bool = true, threadCount: Int = 2,
        isPresent: (Int) -> Bool = { _ in true }
    ) throws -> (Fixture, RecallCurve?) {
        let fixture = try Fixture.built(
            vectors, metric: metric, hasCodes: hasCodes, isPresent: isPresent)
        withPool(threadCount: threadCount) { fixture.index.measureRecall(pool: $0) }
        return (fixture, fixture.index.recallCurve)
    }

    /// Searches for held-back queries with the list that the curve gives for a recall.
    private static func expectTargets(
        _ fixture: Fixture, _ curve: RecallCurve, queries: [[Float]], tolerance: Double
    ) {
        for k in [1, 10, 50, 100, 300, 1000] {
            for target in [0.9, 0.95, 0.99] {
                guard let ef = curve.ef(reaching: target, k: k) else {
                    Issue.record("no list reaches \(target) at \(k)")
                    continue
                }
                let recall = fixture.recall(queries, k: k, ef: ef)
                #expect(recall >= target - tolerance, "recall@\(k) with ef \(ef)")
            }
        }
    }

    @Test("Held-back queries find what was asked for", arguments: [false, true])
    func heldBackQueries(hasCodes: Bool) throws {
        let (fixture, curve) = try Self.measured(
            clusteredVectors(count: 12_000, dimension: 48, seed: 5), hasCodes: hasCodes)
        Self.expectTargets(
            fixture, try #require(curve),
            queries: clusteredVectors(count: 300, dimension: 48, seed: 6), tolerance: 0.015)
    }

    @Test("The same for real text embeddings")
    func realEmbeddings() throws {
        guard let folder = sharedDataset("pypi-minilm-100k") else {
            print("skipped: no data set pypi-minilm-100k in APUS_SHARED or ../shared")
            return
        }
        let (fixture, curve) = try Self.measured(
            rows(ofNPY: folder.appendingPathComponent("base.f16.npy"), limit: 12_000),
            metric: .cosine)
        let queries = try rows(ofNPY: folder.appendingPathComponent("query.f32.npy"), limit: 300)
        Self.expectTargets(fixture, try #require(curve), queries: queries, tolerance: 0.01)
    }

    @Test("Many neighbours at a low recall cost less than a step each")
    func fewerStepsThanNeighbours() throws {
        let (fixture, found) = try Self.measured(
            clusteredVectors(count: 12_000, dimension: 48, seed: 5))
        let curve = try #require(found)
        #expect(curve.effort == .expansions)
        let query = clusteredVectors(count: 1, dimension: 48, seed: 6)[0]
        for k in [100, 1000] {
            let ef = try #require(curve.ef(reaching: 0.9, k: k))
            #expect(ef < k)
            let (short, full) = (SearchWatch(), SearchWatch())
            let answer = fixture.index.search(query, k: k, ef: ef, watch: short)
            _ = fixture.index.search(query, k: k, ef: k, watch: full)
            #expect(answer.count == k)
            #expect(short.measuredCount < full.measuredCount)
        }
    }

    @Test("Curves of earlier files hold for lists of at least as many entries as neighbours")
    func earlierVersion() throws {
        var words: [UInt32] = [1, 0, 512, 2]
        for (ef, recalls) in [
            (16, [0.9, 0.8, 0.7, .nan, .nan]), (128, [1, 0.99, 0.98, 0.95, 0.9]),
        ]
            as [(UInt32, [Float])]
        {
            words.append(ef)
            words += recalls.map(\.bitPattern)
        }
        let curve = unsafe try words.withUnsafeBytes { unsafe try RecallCurve($0) }
        #expect(curve.effort == .candidates)
        #expect(abs(curve.recall(ef: 16, k: 10) - 0.7) < 1e-6)
        #expect(curve.recall(ef: 1, k: 10) == curve.recall(ef: 10, k: 10))
        #expect(try #require(curve.ef(reaching: 0.3, k: 100)) >= 100)
        let bytes = unsafe words.withUnsafeBytes { unsafe Array($0) }
        #expect(curve.encoded() == bytes)
    }

    @Test("A curve of a later version, of an unknown effort or with a gap is an error")
    func otherCurves() {
        let recall = Float(0.5).bitPattern
        let nan = Float.nan.bitPattern
        let curves: [[UInt32]] = [
            [3, 2, 1, 0], [1, 2, 1, 0], [2, 0, 1, 0], [2, 7, 1, 0],
            [2, 2, 1, 1, 10, recall, nan, recall, nan, nan, nan],
            [
                2, 2, 1, 2, 10, recall, recall, nan, nan, nan, nan,
                20, recall, nan, nan, nan, nan, nan,
            ],
        ]
        for words in curves {
            #expect(throws: MalformedBytes.self) {
                unsafe try words.withUnsafeBytes { unsafe try RecallCurve($0) }
            }
        }
    }

    @Test("The curve is the same on any number of threads")
    func threads() throws {
        let vectors = clusteredVectors(count: 3000, dimension: 32, seed: 7)
        let (_, one) = try Self.measured(vectors, threadCount: 1)
        let (_, three) = try Self.measured(vectors, threadCount: 3)
        #expect(one != nil && one == three)
    }

    @Test("Rows without a vector are neither searched for nor found")
    func absentRows() throws {
        let (_, curve) = try Self.measured(
            clusteredVectors(count: 4000, dimension: 32, seed: 8), isPresent: { $0 % 3 == 0 })
        let last = try #require(curve?.points.last)
        #expect(last.recalls.allSatisfy { $0 > 0.95 })
    }

    @Test("Copies of one vector are found, whichever of them")
    func copies() throws {
        let vectors = [[Float]](repeating: Array(repeating: 0.5, count: 32), count: 2000)
        let (_, curve) = try Self.measured(vectors)
        #expect(try #require(curve).recall(ef: 16, k: 10) == 1)
    }

    @Test("A small graph has no curve")
    func small() throws {
        let (_, curve) = try Self.measured(clusteredVectors(count: 900, dimension: 32, seed: 9))
        #expect(curve == nil)
    }

    @Test("Recall rises with ef, falls with k, and the list is the shortest that reaches it")
    func shape() throws {
        let (_, found) = try Self.measured(clusteredVectors(count: 5000, dimension: 40, seed: 10))
        let curve = try #require(found)
        for k in [1, 2, 3, 7, 10, 25, 64, 100, 150, 900] {
            var before = 0.0
            for ef in stride(from: 1, to: 4 * k + 200, by: 1) {
                let recall = curve.recall(ef: ef, k: k)
                #expect(recall >= before - 0.02 && recall <= 1)
                before = recall
            }
            for target in [0.5, 0.8, 0.9, 0.97] {
                guard let ef = curve.ef(reaching: target, k: k) else { continue }
                #expect(curve.recall(ef: ef, k: k) >= target)
            }
        }
        #expect(curve.ef(reaching: 1.1, k: 10) == nil)
        for k in [0, -5, .max] {
            _ = curve.recall(ef: .max, k: k)
            _ = curve.ef(reaching: 0.9, k: k)
        }
    }

    @Test("Bytes come back as the curve that they were; others are errors")
    func bytes() throws {
        let (_, found) = try Self.measured(clusteredVectors(count: 2000, dimension: 32, seed: 11))
        let curve = try #require(found)
        let bytes = curve.encoded()
        let back = unsafe try bytes.withUnsafeBytes { unsafe try RecallCurve($0) }
        #expect(back.points.map(\.ef) == curve.points.map(\.ef))
        #expect(back.sampleCount == curve.sampleCount)
        for (left, right) in zip(back.points, curve.points) {
            #expect(zip(left.recalls, right.recalls).allSatisfy { abs($0 - $1) < 1e-6 })
        }
        for end in 0..<bytes.count {
            #expect(throws: MalformedBytes.self) {
                unsafe try bytes.prefix(end).withUnsafeBytes { unsafe try RecallCurve($0) }
            }
        }
        var generator = SeededGenerator(seed: 12)
        for _ in 0..<5000 {
            var changed = bytes
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            changed[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            guard let curve = unsafe try? changed.withUnsafeBytes({ unsafe try RecallCurve($0) })
            else { continue }
            #expect((0...1).contains(curve.recall(ef: 64, k: 10)))
            _ = curve.ef(reaching: 0.9, k: 10)
        }
    }
}
