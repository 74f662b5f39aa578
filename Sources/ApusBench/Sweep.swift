internal import Apus
internal import ApusCore
private import ApusPipeline
private import Dispatch
private import Foundation
private import Synchronization

#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// Builds a collection from a dataset and times the engine's own search path on it: through
/// `Collection.query`, on a database that was closed and opened again, so that vectors and graph
/// are mapped from the segment file.
///
/// Everything here blocks; call it where a thread may be kept busy for minutes.
package struct Sweep: Sendable {
    private let dataset: Dataset
    private let settings: SweepSettings
    /// Directory of the database.
    private let path: String
    private let note: @Sendable (String) -> Void

    private static let collectionName = "bench"
    private static let batchSize = 1000

    /// `note` hears what is going on, a sentence at a time.
    package init(
        _ dataset: Dataset, _ settings: SweepSettings, databaseAt path: String,
        note: @escaping @Sendable (String) -> Void
    ) {
        self.dataset = dataset
        self.settings = settings
        self.path = path
        self.note = note
    }

    /// Builds unless the database has the very collection already, then measures each effort
    /// and hands the figures to `report` as they come.
    package func run(
        _ report: (Effort, Measurement, BuildCost) throws -> Void
    ) throws {
        let times = try build()
        let database = try Database.open(at: path, configuration: engineConfiguration)
        let collection = try database.collection(Self.collectionName)
        let info = collection.info()
        let points = Double(max(1, info.pointsCount))
        let cost = BuildCost(
            seconds: times?.wall, cpuSeconds: times?.processor,
            bytesPerVector: Double(SegmentFiles.byteCount(inDatabaseAt: path)) / points,
            split: StorageUsage.Part.allCases.compactMap { part in
                let bytes = info.usage[part].disk
                return bytes > 0 ? (part.rawValue, Double(bytes) / points) : nil
            },
            segments: info.segmentsCount, matches: try matchCount(collection))
        let recall = try judge(collection)
        for effort in settings.efforts {
            try report(effort, measure(collection, settings.parameters(effort), recall), cost)
        }
        try database.close()
    }

    private var engineConfiguration: EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.indexThreads = settings.buildThreads
        return configuration
    }

    private var collectionConfiguration: CollectionConfiguration {
        // The least threshold there is: a small base shall go through its graph as well. The scan
        // of everything needs no graph, which m = 0 says.
        var configuration = CollectionConfiguration(
            dimension: dataset.base.dimension, metric: dataset.metric,
            hnsw: HNSWConfiguration(
                m: settings.isExact ? 0 : settings.m, efConstruct: settings.efConstruction,
                fullScanThreshold: 10))
        configuration.vectors[defaultVectorName]?.ivf = settings.isExact ? nil : settings.ivf
        configuration.vectors[defaultVectorName]?.datatype = settings.datatype
        configuration.quantization = settings.quantization.configuration
        return configuration
    }
}

// MARK: Building

extension Sweep {
    private func build() throws -> (wall: Double, processor: Double)? {
        let database = try Database.open(at: path, configuration: engineConfiguration)
        if database.hasCollection(Self.collectionName) {
            try checkExisting(try database.collection(Self.collectionName))
            note("using the collection that \(path) has")
            try database.close()
            return nil
        }
        let collection = try database.createCollection(
            Self.collectionName, collectionConfiguration)
        let processorBefore = Self.processorTime()
        let start = ContinuousClock.now
        for first in stride(from: 0, to: dataset.base.count, by: Self.batchSize) {
            let rows = first..<min(first + Self.batchSize, dataset.base.count)
            _ = try collection.write([.upsert(rows.map(dataset.point))])
        }
        note("\(dataset.base.count) vectors are durable after \(seconds(since: start)) s")
        try collection.waitUntilIndexed()
        note("all of them are in the graph after \(seconds(since: start)) s")
        try collection.seal()
        let times = (
            wall: start.duration(to: .now) / .seconds(1),
            processor: Self.processorTime() - processorBefore
        )
        try database.close()
        return times
    }

    private func checkExisting(_ collection: Collection) throws {
        let found = collection.configuration
        let wanted = collectionConfiguration
        guard found.vectors == wanted.vectors, found.hnsw == wanted.hnsw,
            found.quantization == wanted.quantization,
            collection.info().pointsCount == dataset.base.count
        else {
            throw BenchError(
                "\(path) has a collection '\(Self.collectionName)' of other data or settings; give"
                    + " another directory")
        }
    }

    private func seconds(since start: ContinuousClock.Instant) -> String {
        let tenths = Int((start.duration(to: .now) / .milliseconds(100)).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }

    /// Seconds of processor time that this process has used; POSIX counts them in microseconds.
    private static func processorTime() -> Double { Double(clock()) / 1e6 }
}

// MARK: Measuring

extension Sweep {
    private func requests(_ parameters: SearchParameters) -> [QueryRequest] {
        (0..<dataset.queries.count).map { query in
            var request = QueryRequest(
                nearest: Array(dataset.queries[query]), limit: settings.k,
                filter: settings.filter?.filter)
            request.parameters = parameters
            return request
        }
    }

    /// How many points the filter lets through; nil without one.
    private func matchCount(_ collection: Collection) throws -> Int? {
        guard let filter = settings.filter else { return nil }
        let count = try collection.count(filter.filter)
        guard count >= settings.k else {
            throw BenchError(
                "the filter matches \(count) of \(dataset.base.count) points, and k is"
                    + " \(settings.k)")
        }
        note("the filter matches \(count) of \(dataset.base.count) points")
        return count
    }

    /// Recall against the dataset's neighbours, or against the engine's exact search where the
    /// dataset has none, or none under the filter.
    private func judge(_ collection: Collection) throws -> Recall {
        var truth = settings.filter == nil ? dataset.truth : nil
        if truth == nil {
            note("no neighbours are known for this search: looking exactly for them")
        }
        if truth == nil, settings.filter == nil {
            truth = try dataset.exactNeighbours(k: settings.k, threads: settings.buildThreads)
        }
        if truth == nil {
            let requests = requests(SearchParameters(exact: true))
            let found = try Self.pass(requests, collection, threads: settings.buildThreads).found
            guard found.allSatisfy({ $0.count == settings.k }) else {
                throw BenchError("the exact search finds fewer than \(settings.k) neighbours")
            }
            truth = IDRows(width: settings.k, values: found.flatMap(\.self))
        }
        return Recall(
            metric: dataset.metric, base: dataset.base, queries: dataset.queries,
            truth: truth ?? IDRows(width: settings.k, values: []), k: settings.k)
    }

    /// A pass to warm up, whose answers are judged, then the timed ones.
    private func measure(
        _ collection: Collection, _ parameters: SearchParameters, _ recall: Recall
    ) throws -> Measurement {
        let requests = requests(parameters)
        let warmUp = try Self.pass(requests, collection, threads: settings.threads)
        let quality = recall.mean(of: warmUp.found)
        let passes = try (0..<max(1, settings.passes)).map { _ in
            let pass = try Self.pass(requests, collection, threads: settings.threads)
            return Measurement(
                recall: quality, latencies: pass.latencies, elapsed: pass.elapsed)
        }
        return passes.max { $0.queriesPerSecond < $1.queriesPerSecond } ?? passes[0]
    }

    struct Pass: Sendable {
        var found: [[Int]]
        var latencies: [Duration]
        var elapsed: Duration
    }

    /// Every request once, spread over the threads.
    static func pass(
        _ requests: [QueryRequest], _ collection: Collection, threads: Int
    ) throws -> Pass {
        let start = ContinuousClock.now
        if threads <= 1 {
            let (found, latencies) = try answers(requests[...], collection)
            return Pass(
                found: found, latencies: latencies, elapsed: start.duration(to: .now))
        }
        typealias Share = Result<(found: [[Int]], latencies: [Duration]), any Error>
        let shares = Mutex<[Int: Share]>([:])
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            let first = requests.count * thread / threads
            let end = requests.count * (thread + 1) / threads
            let share = Share { try answers(requests[first..<end], collection) }
            shares.withLock { $0[thread] = share }
        }
        let elapsed = start.duration(to: .now)
        var pass = Pass(found: [], latencies: [], elapsed: elapsed)
        for thread in 0..<threads {
            guard let share = shares.withLock({ $0[thread] }) else { continue }
            let answers = try share.get()
            pass.found += answers.found
            pass.latencies += answers.latencies
        }
        return pass
    }

    /// One query at a time on this thread.
    private static func answers(
        _ requests: ArraySlice<QueryRequest>, _ collection: Collection
    ) throws -> (found: [[Int]], latencies: [Duration]) {
        var answers: [[ScoredPoint]] = []
        var latencies: [Duration] = []
        answers.reserveCapacity(requests.count)
        latencies.reserveCapacity(requests.count)
        var before = ContinuousClock.now
        for request in requests {
            answers.append(try collection.query(request))
            let after = ContinuousClock.now
            latencies.append(before.duration(to: after))
            before = after
        }
        let found = answers.map { points in
            points.compactMap { point in
                if case .number(let number) = point.id { Int(exactly: number) } else { nil }
            }
        }
        return (found, latencies)
    }
}
