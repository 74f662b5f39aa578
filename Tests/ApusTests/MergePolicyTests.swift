import Apus
import TestSupport
import Testing

/// The policy is a function of figures, so years of a collection's life take milliseconds here.
@Suite("Merge policy")
struct MergePolicyTests {
    /// Segments of which only the figures exist.
    private struct Collection {
        var policy: MergePolicy
        var segments: [MergePolicy.Segment] = []
        var nextNumber: UInt64 = 1
        var writtenRows = 0
        var mergeCount = 0

        init(_ policy: MergePolicy) { self.policy = policy }

        mutating func seal(rows: Int) {
            segments.append(MergePolicy.Segment(number: nextNumber, rowCount: rows))
            nextNumber += 1
        }

        /// Deletes about a share of the live rows of every segment.
        mutating func delete(share: Double, using generator: inout some RandomNumberGenerator) {
            for index in segments.indices {
                let live = segments[index].rowCount - segments[index].deletedCount
                let part = Double.random(in: 0...(2 * share), using: &generator)
                segments[index].deletedCount += min(live, Int(Double(live) * part))
            }
        }

        mutating func merge(_ numbers: [UInt64]) {
            let merged = segments.filter { numbers.contains($0.number) }
            #expect(merged.count == numbers.count)
            let live = merged.reduce(0) { $0 + $1.rowCount - $1.deletedCount }
            #expect(merged.count == 1 || live <= policy.rowsMax)
            segments.removeAll { numbers.contains($0.number) }
            if live > 0 { seal(rows: live) }
            writtenRows += live
            mergeCount += 1
        }

        mutating func settle() {
            var rounds = 0
            while let numbers = policy.pick(segments) {
                merge(numbers)
                rounds += 1
                guard rounds < 10_000 else {
                    Issue.record("the policy does not come to an end")
                    return
                }
            }
        }

        var liveCount: Int { segments.reduce(0) { $0 + $1.rowCount - $1.deletedCount } }
    }

    @Test("Thousands of small seals leave few segments, and each row is written a few times")
    func seals() {
        var generator = SeededGenerator(seed: 1)
        var collection = Collection(MergePolicy(rowsMax: 1 << 17))
        var sealed = 0
        for _ in 0..<4000 {
            let rows = Int.random(in: 1...500, using: &generator)
            sealed += rows
            collection.seal(rows: rows)
            collection.settle()
            let full = 2 * sealed / collection.policy.rowsMax + 1
            #expect(collection.segments.count <= 17 + full)
        }
        #expect(collection.liveCount == sealed)
        // log2 of the limit, over log2 of a typical seal.
        #expect(Double(collection.writtenRows) / Double(sealed) < 11)
    }

    @Test("Segments that were sealed full are left alone")
    func fullSegments() {
        var collection = Collection(MergePolicy(rowsMax: 1000))
        for _ in 0..<50 { collection.seal(rows: 1000) }
        #expect(collection.policy.pick(collection.segments) == nil)
        #expect(collection.policy.pickAll(collection.segments) == [])
    }

    @Test("Deletions are paid for in proportion, and few deleted rows stay")
    func deletes() {
        var generator = SeededGenerator(seed: 2)
        var collection = Collection(MergePolicy(rowsMax: 50_000))
        var deleted = 0
        var sealed = 0
        for _ in 0..<2000 {
            collection.seal(rows: 5000)
            sealed += 5000
            collection.settle()
            let before = collection.liveCount
            collection.delete(share: 0.05, using: &generator)
            deleted += before - collection.liveCount
            collection.settle()
            let stored = collection.segments.reduce(0) { $0 + $1.rowCount }
            #expect(Double(stored) <= Double(collection.liveCount) / 0.8 + 1000)
        }
        // At most 4 rows for each deleted one, and the tiers of the sealed ones.
        #expect(collection.writtenRows <= 4 * deleted + 16 * sealed)
    }

    @Test("A segment at the threshold is picked, one below it and a small one are not")
    func threshold() {
        let policy = MergePolicy(rowsMax: 100_000, deletedFractionMin: 0.2, vacuumRowsMin: 1000)
        func pick(_ rows: Int, _ deleted: Int) -> [UInt64]? {
            policy.pick([
                MergePolicy.Segment(number: 7, rowCount: rows, deletedCount: deleted)
            ])
        }
        #expect(pick(2000, 400) == [7])
        #expect(pick(2000, 399) == nil)
        #expect(pick(999, 900) == nil)
        #expect(pick(999, 999) == [7])
    }

    @Test("Old deletions are picked however few they are")
    func age() {
        let policy = MergePolicy(rowsMax: 100_000)
        let old = MergePolicy.Segment(
            number: 3, rowCount: 90_000, deletedCount: 1, hasExpiredDeletions: true)
        #expect(policy.pick([old]) == [3])
        let tidy = MergePolicy.Segment(number: 3, rowCount: 90_000)
        #expect(policy.pick([tidy]) == nil)
    }

    @Test("A segment above the limit is still rewritten alone")
    func aboveTheLimit() {
        let policy = MergePolicy(rowsMax: 1000)
        let large = MergePolicy.Segment(number: 1, rowCount: 5000, deletedCount: 2000)
        let small = MergePolicy.Segment(number: 2, rowCount: 10)
        #expect(policy.pick([large, small]) == [1])
    }

    @Test("A byte limit holds as well as the one of rows")
    func bytes() {
        let policy = MergePolicy(rowsMax: 1000, bytesMax: 1000)
        let heavy = (1...4).map {
            MergePolicy.Segment(number: $0, rowCount: 10, byteCount: 600)
        }
        #expect(policy.pick(heavy) == nil)
        let light = (1...4).map {
            MergePolicy.Segment(number: $0, rowCount: 10, byteCount: 300)
        }
        #expect(policy.pick(light)?.count == 3)
    }

    @Test("Merging everything leaves no deleted row and no two segments that fit into one")
    func everything() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<200 {
            var collection = Collection(MergePolicy(rowsMax: 1000))
            for _ in 0..<Int.random(in: 1...30, using: &generator) {
                collection.seal(rows: Int.random(in: 1...1000, using: &generator))
            }
            collection.delete(share: 0.3, using: &generator)
            let live = collection.liveCount
            for group in collection.policy.pickAll(collection.segments) {
                collection.merge(group)
            }
            #expect(collection.policy.pickAll(collection.segments) == [])
            #expect(collection.liveCount == live)
            #expect(collection.segments.allSatisfy { $0.deletedCount == 0 })
            #expect(collection.segments.count <= 2 * live / 1000 + 1)
        }
    }
}
