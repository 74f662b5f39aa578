import ApusCore
import ApusPipeline
import Synchronization
import Testing

/// A collection as a dictionary; can be told to fail.
private final class MemorySink: PointSink {
    struct Refused: Error {}

    struct State {
        var points: [PointID: Point] = [:]
        var written = 0
        var writes = 0
        var failsAfterWrites = Int.max
    }

    let state = Mutex(State())

    func write(_ points: [Point]) async throws {
        await Task.yield()
        try state.withLock { state in
            guard state.writes < state.failsAfterWrites else { throw Refused() }
            state.writes += 1
            state.written += points.count
            for point in points { state.points[point.id] = point }
        }
    }

    func count(of ids: [PointID]) async throws -> Int {
        state.withLock { state in ids.count { state.points[$0] != nil } }
    }
}

@Suite struct IngestTests {
    private let folder: TemporaryFolder
    private let vectors: String
    private let checkpoint: CheckpointFile

    /// 1,000 rows of two numbers, the row's number and its half.
    init() throws {
        folder = try TemporaryFolder()
        vectors = try folder.write(
            "v.fvecs", FileBytes.fvecs((0..<1000).map { [Float($0), Float($0) / 2] }))
        checkpoint = CheckpointFile(path: folder.file("state/run.json"))
    }

    private func ingest(
        into sink: MemorySink, limit: Int? = nil, window: Int = 3
    ) async throws -> Ingest.Summary {
        var options = Ingest.Options()
        options.batchSize = 30
        options.window = window
        options.limit = limit
        options.checkpointInterval = .zero
        let rows = try RowFile(path: vectors)
        let job = Checkpoint.Job(
            target: "memory", collection: "c", vectors: Checkpoint.Source(rows.file))
        return try await Ingest(options).run(
            from: { try RowSource(rows) }, into: sink, resumption: (job, checkpoint))
    }

    @Test func everyRowArrivesUnderItsNumber() async throws {
        let sink = MemorySink()
        let summary = try await ingest(into: sink)
        #expect(summary.rows == 1000)
        #expect(summary.resumedRows == 0)
        sink.state.withLock { state in
            #expect(state.points.count == 1000)
            #expect(state.points[999] == Point(id: 999, vector: [999, 499.5]))
        }
    }

    @Test func theLimitCutsTheSource() async throws {
        let sink = MemorySink()
        #expect(try await ingest(into: sink, limit: 70).rows == 70)
        #expect(sink.state.withLock { $0.points.count } == 70)
    }

    @Test func aRunThatWasCutOffGoesOnWhereItStopped() async throws {
        let sink = MemorySink()
        sink.state.withLock { $0.failsAfterWrites = 10 }
        await #expect(throws: MemorySink.Refused.self) { try await ingest(into: sink, window: 1) }
        sink.state.withLock { $0.failsAfterWrites = .max }
        let summary = try await ingest(into: sink)
        #expect(summary.resumedRows == 300)
        #expect(summary.rows == 1000)
        #expect(!summary.startedOver)
        #expect(sink.state.withLock { $0.written } == 1000)
        #expect(sink.state.withLock { $0.points.count } == 1000)
    }

    @Test func aFinishedRunLeavesNoCheckpoint() async throws {
        let sink = MemorySink()
        _ = try await ingest(into: sink)
        #expect(try await ingest(into: sink).resumedRows == 0)
        #expect(sink.state.withLock { $0.written } == 2000)
    }

    @Test func aCollectionThatLostPointsIsLoadedFromTheStart() async throws {
        let sink = MemorySink()
        sink.state.withLock { $0.failsAfterWrites = 10 }
        await #expect(throws: MemorySink.Refused.self) { try await ingest(into: sink) }
        let fresh = MemorySink()
        let summary = try await ingest(into: fresh)
        #expect(summary.startedOver)
        #expect(summary.resumedRows == 0)
        #expect(fresh.state.withLock { $0.points.count } == 1000)
    }

    @Test func aChangedSourceIsLoadedFromTheStart() async throws {
        let sink = MemorySink()
        sink.state.withLock { $0.failsAfterWrites = 10 }
        await #expect(throws: MemorySink.Refused.self) { try await ingest(into: sink) }
        sink.state.withLock { $0.failsAfterWrites = .max }
        try folder.write("v.fvecs", FileBytes.fvecs((0..<1001).map { [Float($0), 0] }))
        let summary = try await ingest(into: sink)
        #expect(summary.resumedRows == 0)
        #expect(summary.rows == 1001)
    }

    @Test func aDamagedCheckpointCountsAsNone() async throws {
        let sink = MemorySink()
        sink.state.withLock { $0.failsAfterWrites = 10 }
        await #expect(throws: MemorySink.Refused.self) { try await ingest(into: sink) }
        sink.state.withLock { $0.failsAfterWrites = .max }
        try folder.write("state/run.json", "{\"rows\": 900")
        #expect(try await ingest(into: sink).resumedRows == 0)
    }

    /// The memory sink yields before it stores, so overlapping writes of one id would come in any
    /// order.
    @Test func theLastOfSeveralPointsWithOneIDWins() async throws {
        let text = (0..<200).map { "{\"id\":\($0 % 7),\"vector\":[\($0)]}" }.joined(separator: "\n")
        let path = try folder.write("same.jsonl", text)
        var options = Ingest.Options()
        options.batchSize = 3
        let sink = MemorySink()
        let summary = try await Ingest(options).run(
            from: { try JSONLinesSource(LineReader(path: path)) }, into: sink)
        #expect(summary.rows == 200)
        sink.state.withLock { state in
            for id in 0..<7 {
                let last = (0..<200).last { $0 % 7 == id } ?? 0
                #expect(
                    state.points[.number(UInt64(id))]
                        == Point(id: .number(UInt64(id)), vector: [Float(last)]))
            }
        }
    }

    @Test func jsonLinesGoOnWhereTheyStopped() async throws {
        let text = (0..<400).map { "{\"id\":\($0),\"vector\":[\($0)]}\n" }.joined()
        let lines = try LineReader(path: folder.write("p.jsonl", text))
        let job = Checkpoint.Job(
            target: "memory", collection: "c", vectors: Checkpoint.Source(lines.file))
        let sink = MemorySink()
        for id in 0..<150 {
            sink.state.withLock {
                $0.points[.number(UInt64(id))] = Point(id: .number(UInt64(id)), vector: [])
            }
        }
        try checkpoint.save(Checkpoint(job: job, rows: 150))
        let summary = try await Ingest().run(
            from: { try JSONLinesSource(LineReader(path: lines.file.path)) }, into: sink,
            resumption: (job, checkpoint))
        #expect(summary.resumedRows == 150)
        #expect(summary.rows == 400)
        #expect(sink.state.withLock { $0.written } == 250)
        #expect(sink.state.withLock { $0.points[150] } == Point(id: 150, vector: [150]))
    }

    @Test func payloadLinesGoWithTheirRows() async throws {
        let payload = (0..<1000).map { "{\"row\":\($0)}" }.joined(separator: "\n")
        let path = try folder.write("p.jsonl", payload)
        let rows = try RowFile(path: vectors)
        var source = try RowSource(rows, payload: LineReader(path: path), firstID: 5)
        let sample = try source.skip(990)
        #expect(sample.count <= 100)
        #expect(sample.first == 5)
        #expect(sample.last == 994)
        let points = try source.next(100)
        #expect(points.count == 10)
        #expect(points.last == Point(id: 1004, vector: [999, 499.5], payload: ["row": 999]))
        #expect(try source.next(100).isEmpty)
    }

    @Test(arguments: [999, 1001])
    func aPayloadFileOfAnotherLengthIsAnError(lines: Int) throws {
        let path = try folder.write("p.jsonl", String(repeating: "{}\n", count: lines))
        var source = try RowSource(RowFile(path: vectors), payload: LineReader(path: path))
        #expect(throws: PipelineError.self) {
            while try !source.next(100).isEmpty {}
        }
    }
}

@Suite struct AcknowledgedPrefixTests {
    @Test func onlyRowsWithoutAGapCount() {
        var prefix = AcknowledgedPrefix(rows: 10)
        prefix.acknowledge(20..<30)
        #expect(prefix.rows == 10)
        prefix.acknowledge(30..<35)
        #expect(prefix.rows == 10)
        prefix.acknowledge(10..<20)
        #expect(prefix.rows == 35)
    }

    @Test func timeLeftFollowsTheRateOfThisRun() {
        let progress = IngestProgress(
            resumedRows: 500, rows: 600, total: 1000, fraction: 0.6, elapsed: .seconds(2))
        #expect(progress.rate == 50)
        #expect(progress.remaining == .seconds(8))
        let start = IngestProgress(
            resumedRows: 0, rows: 0, total: nil, fraction: 0, elapsed: .zero)
        #expect(start.remaining == nil)
    }
}
