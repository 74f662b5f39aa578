import ApusCore
import ApusPipeline
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct PipelineRunTests {
    private let folder: TemporaryFolder
    private let sink = MemoryCollection()

    init() throws { folder = try TemporaryFolder() }

    private func run(
        _ origin: any RecordOrigin, _ embedder: CountingEmbedder = CountingEmbedder(),
        into other: MemoryCollection? = nil, mapping: RecordMapping = RecordMapping(),
        _ change: (inout PipelineRun.Options) -> Void = { _ in }
    ) async throws -> (start: PipelineRun.Start, counters: PipelineCounters) {
        var options = PipelineRun.Options()
        options.limit.records = 3
        options.retry.sleep = { _ in await Task.yield() }
        change(&options)
        let work = PipelineRun(
            name: "test", origin: origin, mapping: mapping,
            chunker: Chunker(
                .window(bytes: 8, overlap: 0), tokenizer: try StaticEmbedder().tokenizer),
            chunkSignature: "8", embedder: ReliableEmbedder(embedder, retry: options.retry),
            field: "", sink: other ?? sink, deadLetters: DeadLetterFile(path: letters),
            options: options)
        let start = try await work.run()
        return (start, work.monitor.progress.counters)
    }

    private var letters: String { folder.file("dead.jsonl") }

    private func deadLetters() throws -> [DeadLetter] {
        guard let data = FileManager.default.contents(atPath: letters) else { return [] }
        return try data.split(separator: 0x0a).map {
            try JSONDecoder().decode(DeadLetter.self, from: $0)
        }
    }

    private static let texts: [(String, String)] = (0..<20).map { number in
        ("k\(number)", String(repeating: "text \(number) ", count: number % 4 + 1))
    }

    @Test("Every record is there in its chunks, and another run changes nothing")
    func twice() async throws {
        let origin = ListOrigin(texts: Self.texts)
        let embedder = CountingEmbedder()
        let first = try await run(origin, embedder)
        #expect(first.start == .fresh && first.counters.written == 20)
        #expect(
            sink.texts.mapValues { $0.joined() } == Dictionary(uniqueKeysWithValues: Self.texts))
        let calls = embedder.embedded.count
        let second = try await run(origin, embedder)
        #expect(second.start == .resumed && second.counters.read == 0)
        let third = try await run(origin, embedder) { $0.startOver = true }
        #expect(third.counters.unchanged == 20 && third.counters.pointsUpserted == 0)
        #expect(embedder.embedded.count == calls)
    }

    /// As databases that exist have them: made by another program (Python's hashlib).
    @Test("Ids, versions and hashes are the ones that they always were")
    func storedForms() async throws {
        _ = try await run(ListOrigin(texts: [("k", "text")]))
        let points = sink.state.withLock { Array($0.points.values) }
        #expect(points.map(\.id.description) == ["8c1e66ae-ffc0-84f1-b1ca-3eb76b93a542"])
        #expect(
            points.map { ChunkPoint($0.payload) } == [
                ChunkPoint(
                    key: "k", chunk: 0, count: 1, version: "8da1b6740e863579dedd040bbef53e7b",
                    hash: "10bc3177e80ee336ad1cee1a37625d14")
            ])
    }

    @Test(
        "A run that goes on within a pass sees what changed before it, and one from the start does not read twice"
    )
    func withinPass() async throws {
        let origin = ListOrigin(texts: Self.texts, showsAll: true, isInPasses: true)
        sink.state.withLock { $0.failsAt = 3 }
        await #expect(throws: StageError.self) { _ = try await run(origin) }
        #expect(sink.texts["k0"] != nil && sink.texts["k19"] == nil)
        sink.state.withLock { $0.failsAt = .max }
        origin.records.withLock { $0[0] = ListOrigin.record("k0", "changed") }
        let second = try await run(origin)
        #expect(second.start == .resumed && sink.texts["k0"] == ["changed"])
        #expect(sink.texts.count == 20)
        let third = try await run(origin)
        #expect(third.counters.read == 20 && third.counters.unchanged == 20)
    }

    @Test("A changed record replaces its chunks, and embeds only what is new in it")
    func change() async throws {
        _ = try await run(ListOrigin(texts: [("a", "12345678abcdefghABCDEFGH"), ("b", "bbbb")]))
        #expect(sink.texts["a"] == ["12345678", "abcdefgh", "ABCDEFGH"])
        let embedder = CountingEmbedder()
        let changed = ListOrigin(texts: [("a", "abcdefghnew"), ("b", "bbbb")])
        let counters = try await run(changed, embedder) { $0.startOver = true }.counters
        #expect(sink.texts == ["a": ["abcdefgh", "new"], "b": ["bbbb"]])
        #expect(embedder.embedded == ["new"])
        #expect(counters.reused == 1 && counters.pointsDeleted == 1 && counters.unchanged == 1)
    }

    @Test("Deleted, filtered and emptied records leave nothing")
    func delete() async throws {
        _ = try await run(ListOrigin(texts: [("a", "aaaa"), ("b", "bbbb"), ("c", "cccc")]))
        let gone = SourceRecord(key: "a", place: "a", change: .delete)
        var mapping = RecordMapping()
        mapping.filter = Filter(
            mustNot: [.field(PayloadPath(key: "text"), .matchKeyword("bbbb"))])
        mapping.filterSignature = "not bbbb"
        let counters = try await run(
            ListOrigin([gone, ListOrigin.record("b", "bbbb"), ListOrigin.record("c", " ")]),
            mapping: mapping
        ).counters
        #expect(sink.count == 0)
        #expect(counters.deleted == 1 && counters.leftOut == 1 && counters.pointsDeleted == 3)
    }

    @Test("What a whole pass does not show is deleted, other pipelines' points are not")
    func sweep() async throws {
        let other = Point(
            id: ChunkPoint.id(pipeline: "other", key: "a", chunk: 0), vector: [1, 2, 3],
            payload: [
                ChunkPoint.member:
                    ChunkPoint(key: "a", chunk: 0, count: 1, version: "v", hash: "h").value
            ])
        try await sink.write(
            SinkChange(
                upserts: [other, Point(id: 1, vector: [1, 2, 3])], pipeline: "x",
                position: .null))
        let origin = ListOrigin(texts: Self.texts, showsAll: true)
        _ = try await run(origin)
        origin.records.withLock { $0.removeAll { $0.key.hasSuffix("5") } }
        let counters = try await run(origin) { $0.startOver = true }.counters
        #expect(counters.swept == 2)
        let expected = Self.texts.filter { !$0.0.hasSuffix("5") }
        var found = sink.texts
        #expect(found.removeValue(forKey: "a") != nil)
        #expect(found.mapValues { $0.joined() } == Dictionary(uniqueKeysWithValues: expected))
    }

    /// The first chunk's payload of a key says another number of chunks.
    private func claim(_ count: Int, chunksOf key: String) throws {
        let id = ChunkPoint.id(pipeline: "test", key: key, chunk: 0)
        try sink.state.withLock { state in
            var chunk = try #require(ChunkPoint(state.points[id]?.payload))
            (chunk.count, chunk.version) = (count, "other")
            state.points[id]?.payload[ChunkPoint.member] = chunk.value
        }
    }

    @Test(
        "Who writes any number of chunks into a payload does not make a run look for all of them",
        arguments: [1 << 60, Int.max, 1_000_001])
    func claims(count: Int) async throws {
        let origin = ListOrigin(texts: Self.texts, showsAll: true)
        _ = try await run(origin)
        for key in ["k1", "k2", "k3"] { try claim(count, chunksOf: key) }
        origin.records.withLock { records in
            records[1] = ListOrigin.record("k1", "changed")
            records[2] = SourceRecord(key: "k2", place: "k2", change: .delete)
            records.remove(at: 3)
        }
        let counters = try await run(origin) { $0.startOver = true }.counters
        #expect(counters.swept == 1 && counters.deleted == 1)
        var expected = Dictionary(uniqueKeysWithValues: Self.texts)
        (expected["k1"], expected["k2"], expected["k3"]) = ("changed", nil, nil)
        #expect(sink.texts.mapValues { $0.joined() } == expected)
        #expect(sink.count == sink.texts.values.reduce(0) { $0 + $1.count })
        #expect(sink.state.withLock { $0.idsAskedMost } <= 3_000)
    }

    @Test(
        "Records of very many chunks go with all of them, when they change and when they are gone")
    func manyChunks() async throws {
        let long = String(repeating: "12345678", count: 5_200)
        let texts = [("a", long), ("b", "bbbb"), ("c", long), ("d", long)]
        let origin = ListOrigin(texts: texts, showsAll: true)
        _ = try await run(origin)
        #expect(sink.texts.mapValues(\.count) == ["a": 5_200, "b": 1, "c": 5_200, "d": 5_200])
        origin.records.withLock { $0 = [ListOrigin.record("a", "short"), $0[1]] }
        let counters = try await run(origin) { $0.startOver = true }.counters
        #expect(counters.swept == 2)
        #expect(sink.texts == ["a": ["short"], "b": ["bbbb"]])
        #expect(sink.count == 2)
    }

    @Test("A point under the id of a record's first chunk that says another key is left alone")
    func anotherKey() async throws {
        let origin = ListOrigin(texts: [("a", "aaaa"), ("b", "bbbb"), ("c", "cccc")])
        _ = try await run(origin)
        let id = ChunkPoint.id(pipeline: "test", key: "a", chunk: 0)
        // The version that b has, which a run took for b's own where b was gone.
        let b = ChunkPoint.id(pipeline: "test", key: "b", chunk: 0)
        try sink.state.withLock { state in
            let head = try #require(state.points[b]?.payload[ChunkPoint.member])
            state.points[id]?.payload[ChunkPoint.member] = head
            state.points[b] = nil
        }
        _ = try await run(origin) { $0.startOver = true }
        #expect(sink.texts == ["a": ["aaaa"], "b": ["bbbb"], "c": ["cccc"]])
    }

    @Test("A run that finds nothing new, only something gone, stays where it was")
    func sweepKeepsPosition() async throws {
        let origin = ListOrigin(texts: Self.texts, showsAll: true)
        _ = try await run(origin)
        let position = try await sink.position(of: "test")
        origin.records.withLock { _ = $0.removeLast() }
        let counters = try await run(origin).counters
        #expect(counters.read == 0 && counters.swept == 1)
        #expect(try await sink.position(of: "test") == position)
    }

    @Test(
        "What a run has read it does not read again to find what is gone", arguments: [1, 3, 100])
    func sweepByPass(keysMax: Int) async throws {
        let origin = ListOrigin(texts: Self.texts, showsAll: true, isInPasses: true)
        _ = try await run(origin)
        #expect(origin.openedForKeys.withLock { $0 } == 0)
        origin.records.withLock { $0.removeAll { $0.key.hasSuffix("5") } }
        let counters = try await run(origin) { $0.sweepKeysMax = keysMax }.counters
        #expect(counters.read == 18 && counters.swept == 2)
        // More keys than may be remembered are read again, part by part.
        #expect((origin.openedForKeys.withLock { $0 } == 0) == (keysMax == 100))
        let expected = Self.texts.filter { !$0.0.hasSuffix("5") }
        #expect(
            sink.texts.mapValues { $0.joined() } == Dictionary(uniqueKeysWithValues: expected))
    }

    @Test("What goes while a killed run is away is found by the pass that reads all once more")
    func sweepAfterKill() async throws {
        let origin = ListOrigin(texts: Self.texts, showsAll: true, isInPasses: true)
        _ = try await run(origin)
        let writes = sink.state.withLock { $0.writes }
        sink.state.withLock { $0.failsAt = writes + 3 }
        await #expect(throws: StageError.self) { _ = try await run(origin) }
        sink.state.withLock { $0.failsAt = .max }
        origin.records.withLock { $0.removeAll { $0.key == "k1" || $0.key == "k19" } }
        let second = try await run(origin)
        #expect(second.start == .resumed && second.counters.swept == 2)
        #expect(Set(sink.texts.keys) == Set(origin.records.withLock { $0.map(\.key) }))
        #expect(origin.openedForKeys.withLock { $0 } == 0)
    }

    @Test("Records that are set aside, left out or cannot be read are in the source all the same")
    func sweepSparesUnreadable() async throws {
        let origin = ListOrigin(
            texts: [("a", "aaaa"), ("b", "bbbb"), ("c", "cccc")], showsAll: true, isInPasses: true)
        _ = try await run(origin)
        origin.records.withLock {
            $0[1] = SourceRecord(
                key: "b", place: "b", change: .malformed(reason: "too large", raw: ""))
            $0.removeLast()
        }
        let counters = try await run(origin).counters
        #expect(counters.swept == 1 && counters.setAside == 1)
        #expect(Set(sink.texts.keys) == ["a", "b"])
    }

    @Test("A source that shows nothing yet and does not say that its pass is over loses nothing")
    func sweepOfNothingShown() async throws {
        let origin = ListOrigin(texts: [("a", "aaaa")], showsAll: true)
        _ = try await run(origin)
        // By its watermark it holds back what may not be read yet; its keys are all there.
        origin.heldBack.withLock { $0 = true }
        let counters = try await run(origin) { $0.startOver = true }.counters
        #expect(counters.read == 0 && counters.swept == 0 && sink.count == 1)
    }

    @Test("A source with a record that nothing names is not swept")
    func unnamed() async throws {
        let origin = ListOrigin(texts: [("a", "aaaa"), ("b", "bbbb")], showsAll: true)
        _ = try await run(origin)
        origin.records.withLock {
            $0 = [
                SourceRecord(
                    key: "", place: "line 1", change: .malformed(reason: "no JSON", raw: "{"))
            ]
        }
        let counters = try await run(origin) { $0.startOver = true }.counters
        #expect(counters.swept == 0 && sink.count == 2)
        #expect(try deadLetters().map(\.cause) == ["no JSON"])
    }

    @Test("Of several records with one key the last one wins, within a batch and across batches")
    func duplicates() async throws {
        let records = (0..<40).map { ListOrigin.record("k\($0 % 4)", "version \($0)") }
        let counters = try await run(ListOrigin(records)) { $0.parallel = 8 }.counters
        #expect(
            sink.texts.mapValues { $0.joined() }
                == ["k0": "version 36", "k1": "version 37", "k2": "version 38", "k3": "version 39"])
        #expect(counters.read == 40)
    }

    @Test("A run that is killed at any write goes on behind it: nothing is lost, nothing twice")
    func kills() async throws {
        var records: [SourceRecord] = []
        var generator = SeededGenerator(seed: 7)
        for number in 0..<60 {
            let key = "k\(Int.random(in: 0..<15, using: &generator))"
            let length = Int.random(in: 0..<40, using: &generator)
            records.append(
                number % 9 == 8
                    ? SourceRecord(key: key, place: key, change: .delete)
                    : ListOrigin.record(key, String(repeating: "x\(number) ", count: length / 4)))
        }
        let whole = MemoryCollection()
        _ = try await run(ListOrigin(records), into: whole)
        let writes = whole.state.withLock { $0.writes }
        #expect(writes > 15)
        for kill in 0..<writes {
            let killed = MemoryCollection()
            killed.state.withLock { $0.failsAt = kill }
            await #expect(throws: StageError.self) {
                _ = try await run(ListOrigin(records), into: killed)
            }
            killed.state.withLock { $0.failsAt = .max }
            let again = try await run(ListOrigin(records), into: killed)
            #expect(again.start == (kill == 0 ? .fresh : .resumed))
            #expect(
                killed.state.withLock { $0.points } == whole.state.withLock { $0.points },
                "killed at write \(kill)")
            let all = killed.state.withLock { $0.writes }
            #expect(all == writes, "no batch is written twice")
        }
    }

    @Test("A source whose connection breaks is opened again where it was")
    func brokenSource() async throws {
        let origin = ListOrigin(texts: Self.texts)
        origin.breaks.withLock { $0 = [0, 4, 4, 13] }
        let counters = try await run(origin).counters
        #expect(counters.retries == 4 && counters.read == 20)
        #expect(sink.texts.count == 20)
        origin.breaks.withLock { $0 = Array(repeating: 0, count: 100) }
        let error = await #expect(throws: StageError.self) {
            _ = try await run(origin) { $0.startOver = true }
        }
        #expect(error?.description == "source: connection lost")
    }

    @Test("Another model, or another way to cut, begins anew and replaces all vectors")
    func otherModel() async throws {
        _ = try await run(ListOrigin(texts: Self.texts))
        let before = sink.state.withLock { $0.points }
        let embedder = CountingEmbedder(version: "2", answer: { [0, 0, Float($0.utf8.count)] })
        let again = try await run(ListOrigin(texts: Self.texts), embedder)
        #expect(again.start == .changed && again.counters.written == 20)
        #expect(again.counters.reused == 0)
        let after = sink.state.withLock { $0.points }
        #expect(before.keys == after.keys)
        #expect(before.allSatisfy { after[$0.key]?.vectors != $0.value.vectors })
    }

    @Test("A run ends when too much is set aside, and names where")
    func tooManyDeadLetters() async throws {
        let records = (0..<9).map {
            SourceRecord(
                key: "k\($0)", place: "line \($0)",
                change: .malformed(reason: "no JSON", raw: "{\($0)"))
        }
        let error = await #expect(throws: StageError.self) {
            _ = try await run(ListOrigin(records)) { $0.deadLettersMax = 4 }
        }
        #expect(error?.message.contains(letters) == true)
        let set = try deadLetters()
        #expect(set.count == 6 && set[5].place == "line 5" && set[5].record == "{5")
    }

    @Test("A dead letter that a killed run left unfinished does not spoil the next")
    func tornDeadLetter() async throws {
        try folder.write("dead.jsonl", "{\"cause\": \"half a li")
        let bad = SourceRecord(
            key: "a", place: "line 1", change: .malformed(reason: "no JSON", raw: ""))
        _ = try await run(ListOrigin([bad]))
        let lines = try String(contentsOfFile: letters, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2 && lines[1].hasSuffix("}"))
    }

    @Test("A cancelled run ends, and the next goes on")
    func cancel() async throws {
        let origin = ListOrigin(texts: Self.texts)
        let task = Task {
            try await run(origin) {
                $0.follow = .seconds(3600); $0.retry.sleep = { try await Task.sleep(for: $0) }
            }
        }
        while sink.texts.count < 20 { await Task.yield() }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try await run(origin).start == .resumed)
    }
}
