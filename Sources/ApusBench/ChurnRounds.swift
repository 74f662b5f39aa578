private import Apus
private import ApusCore
private import ApusPipeline

/// Recall while a collection is replaced piece by piece: what a graph that is repaired over and
/// over keeps of its quality, beside one that is built anew from the same points.
///
/// Half of the base's rows live at the start, the other half waits. A round deletes a share of
/// those that live, chosen by chance (the same in every run), writes as many of those that have
/// waited longest, and compacts. Deleted rows wait behind the others.
extension Churn {
    /// The collection after a round.
    package struct Round: Sendable {
        /// 0: before the first.
        package var number: Int
        /// The last round's points in a new collection.
        package var isFresh: Bool
        package var liveCount: Int
        /// Points deleted in this round, and as many written.
        package var replacedCount: Int
        /// Deleting and writing; in a new collection writing and indexing.
        package var writeSeconds: Double
        package var compactSeconds: Double
        package var bytesPerVector: Double
        package var segmentCount: Int
        /// Faults of the graphs, unreachable nodes among them.
        package var graphFaultCount: Int
        package var measurements: [(ef: Int, measurement: Measurement)]
    }

    /// `share` of the points is replaced in each of the rounds.
    package func run(
        rounds: Int, share: Double, _ report: (Round) throws -> Void
    ) throws {
        var random = Xorshift(seed: 1)
        let rows = random.permutation(of: dataset.base.count).map { Int($0) }
        var live = Array(rows[..<(rows.count / 2)])
        var waiting = rows[(rows.count / 2)...]
        let replacedCount = min(live.count, max(1, Int(share * Double(live.count))))
        guard live.count >= settings.k, waiting.count >= replacedCount else {
            throw BenchError("\(rows.count) base vectors are too few to replace some of them")
        }

        let directory = "\(path)/rounds"
        let (database, seconds) = try build(at: directory, rows: live) { $0 }
        let collection = try database.collection(Self.collectionName)
        try report(round(0, collection, live, directory, write: seconds))
        for number in 1...max(1, rounds) {
            live.shuffle(using: &random)
            let deleted = live.suffix(replacedCount)
            let added = Array(waiting.prefix(replacedCount))
            let writeTime = try Self.time {
                try delete(Array(deleted), from: collection)
                try upsert(added, into: collection) { $0 }
            }
            waiting = waiting.dropFirst(replacedCount) + deleted
            live = live.dropLast(replacedCount) + added
            let compactTime = try Self.time { try collection.compact() }
            var round = try round(number, collection, live, directory, write: writeTime)
            round.replacedCount = replacedCount
            round.compactSeconds = compactTime
            try report(round)
        }
        try database.close()

        note("writing the points of the last round into a new collection")
        let (fresh, freshTime) = try build(at: "\(path)/fresh", rows: live.sorted()) { $0 }
        var last = try round(
            rounds, fresh.collection(Self.collectionName), live, "\(path)/fresh", write: freshTime)
        last.isFresh = true
        try report(last)
        try fresh.close()
    }

    private func round(
        _ number: Int, _ collection: Collection, _ live: [Int], _ directory: String,
        write: Double
    ) throws -> Round {
        try collection.waitUntilIndexed()
        let bytes = SegmentFiles.byteCount(inDatabaseAt: directory)
        return Round(
            number: number, isFresh: false, liveCount: live.count, replacedCount: 0,
            writeSeconds: write, compactSeconds: 0,
            bytesPerVector: Double(bytes) / Double(max(1, live.count)),
            // The last one is the empty one for rows to come.
            segmentCount: collection.info().segmentsCount - 1,
            graphFaultCount: collection.graphFaults().count, measurements: try measure(collection))
    }

    /// At each `ef`, against the exact search of the same collection.
    private func measure(
        _ collection: Collection
    ) throws -> [(ef: Int, measurement: Measurement)] {
        let exact = try Sweep.pass(
            requests(SearchParameters(exact: true)), collection, threads: settings.buildThreads
        ).found
        guard exact.allSatisfy({ $0.count == settings.k }) else {
            throw BenchError("the exact search finds fewer than \(settings.k) neighbours")
        }
        let recall = Recall(
            metric: dataset.metric, base: dataset.base, queries: dataset.queries,
            truth: IDRows(width: settings.k, values: exact.flatMap(\.self)), k: settings.k)
        return try settings.efs.map { ef in
            let requests = requests(SearchParameters(ef: ef))
            let warmUp = try Sweep.pass(requests, collection, threads: settings.threads)
            let quality = recall.mean(of: warmUp.found)
            let passes = try (0..<max(1, settings.passes)).map { _ in
                let pass = try Sweep.pass(requests, collection, threads: settings.threads)
                return Measurement(
                    recall: quality, latencies: pass.latencies, elapsed: pass.elapsed)
            }
            let best = passes.max { $0.queriesPerSecond < $1.queriesPerSecond }
            return (ef, best ?? passes[0])
        }
    }
}
