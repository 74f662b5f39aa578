private import Apus
private import ApusCore
private import ApusPipeline
private import Foundation

#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// What durability costs, through the engine's own calls: ingest, group commit, searches while
/// ingest runs, opening, and recovery after a crash.
///
/// Everything here blocks; call it where a thread may be kept busy for minutes.
package struct StorageBench: Sendable {
    private let dataset: Dataset
    /// Directory for the databases.
    private let path: String
    /// Hears one JSON object for each figure.
    private let report: @Sendable (String) -> Void

    private static let batchSize = 500
    private static let name = "bench"

    package init(
        _ dataset: Dataset, directory path: String, report: @escaping @Sendable (String) -> Void
    ) {
        self.dataset = dataset
        self.path = path
        self.report = report
    }

    package func run() throws {
        try latencyUnderIngest()
        try groupCommit("group_commit", m: nil)
        try groupCommit("group_commit_without_graph", m: 0)
        try openAndRecover()
    }

    // MARK: Searches while ingest runs

    /// Half of the base is there and indexed; searches are timed while nothing else happens, then
    /// while the other half comes in as fast as it is taken.
    private func latencyUnderIngest() throws {
        try withDatabase("latency") { database, collection in
            let count = dataset.base.count
            try ingest(0..<count / 2, into: collection)
            try collection.waitUntilIndexed()
            let idle = try searchLoad(collection, for: .seconds(5))

            let start = ContinuousClock.now
            let writer = Background { try ingest(count / 2..<count, into: collection) }
            let busy = try searchLoad(collection) { !writer.isDone }
            try writer.wait()
            let acknowledged = ContinuousClock.now - start
            try collection.waitUntilIndexed()
            let indexed = ContinuousClock.now - start
            let rows = Double(count - count / 2)
            emit(
                "latency_under_ingest",
                [
                    ("rows", rows), ("idle_p50_us", idle.p50), ("idle_p99_us", idle.p99),
                    ("ingest_p50_us", busy.p50), ("ingest_p99_us", busy.p99),
                    ("p99_ratio", busy.p99 / idle.p99),
                    ("acknowledged_per_s", rows / (acknowledged / .seconds(1))),
                    ("indexed_per_s", rows / (indexed / .seconds(1))),
                ])
        }
    }

    /// One search every five milliseconds, whether or not the last one was slow; a late one counts
    /// from when it should have started.
    private func searchLoad(
        _ collection: Collection, for duration: Duration
    ) throws -> Measurement {
        let end = ContinuousClock.now + duration
        return try searchLoad(collection) { ContinuousClock.now < end }
    }

    private func searchLoad(
        _ collection: Collection, while isWanted: () -> Bool
    ) throws -> Measurement {
        let interval = Duration.milliseconds(5)
        let start = ContinuousClock.now
        var latencies: [Duration] = []
        var planned = start
        while isWanted() {
            let now = ContinuousClock.now
            if now < planned { Thread.sleep(forTimeInterval: (planned - now) / .seconds(1)) }
            let query = latencies.count % dataset.queries.count
            _ = try collection.query(
                QueryRequest(nearest: Array(dataset.queries[query]), limit: 10))
            latencies.append(ContinuousClock.now - planned)
            planned += interval
        }
        return Measurement(
            recall: 0, latencies: latencies, elapsed: ContinuousClock.now - start)
    }

    // MARK: Group commit

    /// Acknowledged single-point writes a second, by one writer and by 64. With a graph to insert
    /// into, the processor is busy with that.
    private func groupCommit(_ figure: String, m: Int?) throws {
        let rates = try [1, 64].map { writers in
            try withDatabase("commit", m: m) { _, collection in
                let start = ContinuousClock.now
                let end = start + .seconds(3)
                let counts = (0..<writers).map { writer in
                    Background {
                        var count = 0
                        while ContinuousClock.now < end {
                            let id = UInt64(writer) << 32 | UInt64(count)
                            try collection.upsert([point(count % dataset.base.count, id: id)])
                            count += 1
                        }
                        return count
                    }
                }
                let total = try counts.reduce(0) { $0 + (try $1.wait()) }
                return Double(total) / ((ContinuousClock.now - start) / .seconds(1))
            }
        }
        emit(
            figure,
            [
                ("writes_per_s_1", rates[0]), ("writes_per_s_64", rates[1]),
                ("ratio", rates[1] / rates[0]),
            ])
    }

    // MARK: Opening

    private func openAndRecover() throws {
        let crashed = "\(path)/crashed"
        try withDatabase("open", sealsOnClose: false) { database, collection in
            let start = ContinuousClock.now
            try ingest(0..<dataset.base.count, into: collection)
            try collection.waitUntilIndexed()
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            emit(
                "durable_ingest",
                [
                    ("rows", Double(dataset.base.count)), ("seconds", seconds),
                    ("indexed_per_s", Double(dataset.base.count) / seconds),
                ])
            // What a crash would leave at this moment: all of it synced, nothing sealed.
            try FileManager.default.copyItem(atPath: "\(path)/open", toPath: crashed)
            // Opening must not pay for what copying left unwritten.
            sync()
            try collection.seal()
            let bytes = directorySize("\(crashed)/\(Self.name)/wal")
            try recover(crashed, megabytes: Double(bytes) / 1e6, figure: "recovery")
            try recover(
                crashed, megabytes: Double(bytes) / 1e6, figure: "recovery_without_checkpoint",
                removingCheckpoints: true)
        }
        let start = ContinuousClock.now
        let database = try Database.open(at: "\(path)/open")
        let opened = ContinuousClock.now
        let query = QueryRequest(nearest: Array(dataset.queries[0]), limit: 10)
        _ = try database.collection(Self.name).query(query)
        let answered = ContinuousClock.now
        try database.close()
        emit(
            "open",
            [
                ("rows", Double(dataset.base.count)),
                ("open_ms", (opened - start) / .milliseconds(1)),
                ("first_answer_ms", (answered - start) / .milliseconds(1)),
            ])
        try FileManager.default.removeItem(atPath: "\(path)/open")
        try FileManager.default.removeItem(atPath: crashed)
    }

    private func recover(
        _ crashed: String, megabytes: Double, figure: String, removingCheckpoints: Bool = false
    ) throws {
        let folder = "\(crashed)/\(Self.name)"
        if removingCheckpoints {
            for name in try FileManager.default.contentsOfDirectory(atPath: folder)
            where name.hasSuffix(".graph") {
                try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
            }
        }
        var configuration = EngineConfiguration()
        configuration.sealOnCloseRowsMin = .max
        let start = ContinuousClock.now
        let database = try Database.open(at: crashed, configuration: configuration)
        let opened = ContinuousClock.now
        let collection = try database.collection(Self.name)
        try collection.waitUntilIndexed()
        let indexed = ContinuousClock.now
        emit(
            figure,
            [
                ("log_mb", megabytes), ("open_ms", (opened - start) / .milliseconds(1)),
                ("mb_per_s", megabytes / ((opened - start) / .seconds(1))),
                ("indexed_ms", (indexed - start) / .milliseconds(1)),
                ("rows_from_checkpoint", Double(collection.recovery.checkpointedRowCount)),
            ])
        try database.close()
    }

    // MARK: Parts

    private func withDatabase<Value>(
        _ folder: String, m: Int? = nil, sealsOnClose: Bool = true,
        _ body: (Database, Collection) throws -> Value
    ) throws -> Value {
        var configuration = EngineConfiguration()
        if !sealsOnClose { configuration.sealOnCloseRowsMin = .max }
        let directory = "\(path)/\(folder)"
        let database = try Database.open(at: directory, configuration: configuration)
        var settings = CollectionConfiguration(
            dimension: dataset.base.dimension, metric: dataset.metric)
        if let m { settings.hnsw.m = m }
        let collection = try database.createCollection(Self.name, settings)
        let value = try body(database, collection)
        try database.close()
        if sealsOnClose { try FileManager.default.removeItem(atPath: directory) }
        return value
    }

    private func ingest(_ rows: Range<Int>, into collection: Collection) throws {
        var start = rows.lowerBound
        while start < rows.upperBound {
            let end = min(start + Self.batchSize, rows.upperBound)
            try collection.upsert((start..<end).map { point($0, id: UInt64($0)) })
            start = end
        }
    }

    private func point(_ row: Int, id: UInt64) -> Point {
        Point(
            id: .number(id), vector: Array(dataset.base[row]),
            payload: ["row": .integer(Int64(row)), "source": .string("document \(row % 1000)")])
    }

    private func emit(_ figure: String, _ values: [(String, Double)]) {
        let fields = values.map { name, value in
            "\"\(name)\": \(value < 100 ? (value * 100).rounded() / 100 : value.rounded())"
        }
        report("{\"figure\": \"\(figure)\", \(fields.joined(separator: ", "))}")
    }

    private func directorySize(_ path: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.reduce(0) { sum, name in
            let size = try? FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.size]
            return sum + ((size as? Int) ?? 0)
        }
    }
}
