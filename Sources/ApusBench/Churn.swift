internal import Apus
internal import ApusCore
private import ApusPipeline
private import Foundation

/// What deleting, updating and merging does to a collection: the same points, once written into a
/// new collection, and once left over after 30% were deleted, 30% updated, and all merged.
///
/// Everything here blocks; call it where a thread may be kept busy for minutes.
package struct Churn: Sendable {
    let dataset: Dataset
    let settings: SweepSettings
    /// Directory that gets one database for each of the two.
    let path: String
    let note: @Sendable (String) -> Void

    static let collectionName = "bench"
    static let batchSize = 1000

    /// Both collections at one `ef`.
    package struct Comparison: Sendable {
        package var ef: Int
        package var fresh: Measurement
        package var churned: Measurement
    }

    /// What came of the collection that was churned.
    package struct Outcome: Sendable {
        package var liveCount: Int
        /// From the first upsert to the segment file of the new collection.
        package var freshSeconds: Double
        /// The same for the other, before anything is deleted.
        package var buildSeconds: Double
        /// Deleting and updating.
        package var churnSeconds: Double
        /// Merging, with the sealing before it.
        package var compactSeconds: Double
        package var freshByteCount: Int
        package var churnedByteCount: Int
        package var segmentCount: Int
        /// Faults of its graphs, unreachable nodes among them.
        package var graphFaults: [String]
        package var comparisons: [Comparison]
    }

    /// `note` hears what is going on, a sentence at a time. The dataset's neighbours are not used.
    package init(
        _ dataset: Dataset, _ settings: SweepSettings, databasesIn path: String,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.dataset = dataset
        self.settings = settings
        self.path = path
        self.note = note
    }

    /// What becomes of a row: by its number, so that every run does the same. Rows of one kind
    /// are spread evenly; their order in the data set has no part in it.
    private enum Fate {
        case kept, updated, deleted

        init(row: Int) {
            let hash = (UInt64(row) &+ 1) &* 0x9e37_79b9_7f4a_7c15
            switch (hash >> 32) % 10 {
            case 0..<3: self = .deleted
            case 3..<6: self = .updated
            default: self = .kept
            }
        }
    }

    package func run() throws -> Outcome {
        let rows = Array(0..<dataset.base.count)
        let live = rows.filter { Fate(row: $0) != .deleted }
        let (fresh, freshTime) = try build(at: "\(path)/fresh", rows: live) { $0 }
        note("\(live.count) points are in a new collection after \(Self.text(freshTime)) s")
        try fresh.close()

        // What is updated later has the vector of some other row at first.
        let (churned, buildTime) = try build(at: "\(path)/churned", rows: rows) { row in
            Fate(row: row) == .updated ? (row &* 7919 &+ 1) % rows.count : row
        }
        note("\(rows.count) points are in another one after \(Self.text(buildTime)) s")
        let collection = try churned.collection(Self.collectionName)
        let churnTime = try Self.time { try churn(collection, rows) }
        note("30% are deleted and 30% updated after \(Self.text(churnTime)) s")
        let compactTime = try Self.time { try collection.compact() }
        note("merged after \(Self.text(compactTime)) s")
        let faults = collection.graphFaults()
        try churned.close()

        return Outcome(
            liveCount: live.count, freshSeconds: freshTime, buildSeconds: buildTime,
            churnSeconds: churnTime, compactSeconds: compactTime,
            freshByteCount: SegmentFiles.byteCount(inDatabaseAt: "\(path)/fresh"),
            churnedByteCount: SegmentFiles.byteCount(inDatabaseAt: "\(path)/churned"),
            segmentCount: try segmentCount(), graphFaults: faults, comparisons: try compare())
    }

    func open(_ directory: String) throws -> Database {
        var configuration = EngineConfiguration()
        configuration.indexThreads = settings.buildThreads
        configuration.mergesInBackground = false
        // What is measured is the collection, not how fast it may be merged beside others.
        configuration.compactionBytesPerSecond = 0
        return try Database.open(at: directory, configuration: configuration)
    }

    /// Writes the rows in batches; `vector` says which row of the data set a row has as vector.
    func build(
        at directory: String, rows: [Int], vector: (Int) -> Int
    ) throws -> (database: Database, seconds: Double) {
        let database = try open(directory)
        let collection = try database.createCollection(
            Self.collectionName,
            CollectionConfiguration(
                dimension: dataset.base.dimension, metric: dataset.metric,
                hnsw: HNSWConfiguration(
                    m: settings.m, efConstruct: settings.efConstruction, fullScanThreshold: 10)))
        let seconds = try Self.time {
            try upsert(rows, into: collection, vector: vector)
            try collection.seal()
        }
        return (database, seconds)
    }

    func upsert(
        _ rows: [Int], into collection: Collection, vector: (Int) -> Int
    ) throws {
        for first in stride(from: 0, to: rows.count, by: Self.batchSize) {
            let batch = rows[first..<min(first + Self.batchSize, rows.count)]
            try collection.upsert(
                batch.map {
                    Point(id: .number(UInt64($0)), vector: Array(dataset.base[vector($0)]))
                })
        }
    }

    func delete(_ rows: [Int], from collection: Collection) throws {
        for first in stride(from: 0, to: rows.count, by: Self.batchSize) {
            let batch = rows[first..<min(first + Self.batchSize, rows.count)]
            try collection.delete(.ids(batch.map { .number(UInt64($0)) }))
        }
    }

    private func churn(_ collection: Collection, _ rows: [Int]) throws {
        let deleted = rows.filter { Fate(row: $0) == .deleted }
        try delete(deleted, from: collection)
        try upsert(rows.filter { Fate(row: $0) == .updated }, into: collection) { $0 }
    }

    private func segmentCount() throws -> Int {
        let database = try open("\(path)/churned")
        let count = try database.collection(Self.collectionName).info().segmentsCount
        try database.close()
        // The last one is the empty one for rows to come.
        return count - 1
    }

    /// Measures both by turns, so that what else the machine does meets both.
    private func compare() throws -> [Comparison] {
        let databases = try ["fresh", "churned"].map { try open("\(path)/\($0)") }
        let collections = try databases.map { try $0.collection(Self.collectionName) }
        for collection in collections { try collection.waitUntilIndexed() }
        note("searching exactly for the true neighbours")
        let exact = try Sweep.pass(
            requests(SearchParameters(exact: true)), collections[0],
            threads: settings.buildThreads
        ).found
        guard exact.allSatisfy({ $0.count == settings.k }) else {
            throw BenchError("the exact search finds fewer than \(settings.k) neighbours")
        }
        let recall = Recall(
            metric: dataset.metric, base: dataset.base, queries: dataset.queries,
            truth: IDRows(width: settings.k, values: exact.flatMap(\.self)), k: settings.k)
        let comparisons = try settings.efs.map { ef in
            let requests = requests(SearchParameters(ef: ef))
            var best: [Measurement?] = [nil, nil]
            // One more pass than asked for: the first one warms up.
            for pass in 0...max(1, settings.passes) {
                for (index, collection) in collections.enumerated() {
                    let answers = try Sweep.pass(requests, collection, threads: settings.threads)
                    let measured = Measurement(
                        recall: recall.mean(of: answers.found), latencies: answers.latencies,
                        elapsed: answers.elapsed)
                    let rate = best[index]?.queriesPerSecond ?? 0
                    if pass > 0, measured.queriesPerSecond > rate { best[index] = measured }
                }
            }
            guard let fresh = best[0], let churned = best[1] else {
                throw BenchError("no query was measured")
            }
            return Comparison(ef: ef, fresh: fresh, churned: churned)
        }
        for database in databases { try database.close() }
        return comparisons
    }

    func requests(_ parameters: SearchParameters) -> [QueryRequest] {
        (0..<dataset.queries.count).map { query in
            var request = QueryRequest(
                nearest: Array(dataset.queries[query]), limit: settings.k)
            request.parameters = parameters
            return request
        }
    }

    static func time(_ body: () throws -> Void) rethrows -> Double {
        let start = ContinuousClock.now
        try body()
        return start.duration(to: .now) / .seconds(1)
    }

    static func text(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
