import ApusPipeline
import Synchronization
import Testing

@Suite struct ReliableEmbedderTests {
    private static func transient(_ text: String) -> StageError {
        StageError(.transient(after: nil), stage: "embed", text)
    }

    private static var quick: Retry {
        var retry = Retry()
        retry.sleep = { _ in }
        return retry
    }

    @Test("Overload is waited for, with pauses that grow and are asked for")
    func overload() async throws {
        let pauses = Mutex<[Duration]>([])
        var retry = Retry()
        retry.random = { 1 }
        retry.sleep = { pause in pauses.withLock { $0.append(pause) } }
        let asked = StageError(.transient(after: .seconds(7)), stage: "embed", "answered 429")
        let embedder = CountingEmbedder(failures: [
            0: Self.transient("500"), 1: Self.transient("500"), 2: asked,
        ])
        let vectors = try await ReliableEmbedder(embedder, retry: retry).embed(["a", "bb"])
        #expect(vectors.count == 2)
        #expect(
            pauses.withLock { $0 } == [.milliseconds(200), .milliseconds(400), .seconds(7)])
    }

    @Test("An embedder that goes on failing is named at the end")
    func failing() async throws {
        let failures = Dictionary(uniqueKeysWithValues: (0..<9).map { ($0, Self.transient("503")) })
        let embedder = CountingEmbedder(failures: failures)
        let error = await #expect(throws: StageError.self) {
            try await ReliableEmbedder(embedder, retry: Self.quick).embed(["a"])
        }
        #expect(error?.message == "503")
        #expect(embedder.embedded.count == Self.quick.tries)
    }

    @Test("A text that is refused does not take the others with it")
    func refused() async throws {
        let embedder = CountingEmbedder { text in
            guard text != "bad" else {
                throw StageError(.refused, stage: "embed", "answered 400: too long")
            }
            return [1, 2, 3]
        }
        let texts = (0..<17).map { $0 == 11 ? "bad" : "t\($0)" }
        let results = try await ReliableEmbedder(embedder, retry: Self.quick).embed(texts)
        for (index, result) in results.enumerated() {
            #expect(
                result
                    == (index == 11
                        ? .failure(.init(reason: "answered 400: too long"))
                        : .success([1, 2, 3])))
        }
    }

    @Test("A vector that is not finite is a refusal of its text")
    func notFinite() async throws {
        let embedder = CountingEmbedder { $0 == "b" ? [1, .nan, 0] : [1, 2, 3] }
        let results = try await ReliableEmbedder(embedder, retry: Self.quick).embed(["a", "b"])
        #expect(results[0] == .success([1, 2, 3]))
        #expect(
            results[1] == .failure(.init(reason: "the embedder gave nan at position 1")))
    }

    @Test("A wrong dimension or count is never taken", arguments: [2, 4, 0])
    func wrongDimension(_ count: Int) async throws {
        let embedder = CountingEmbedder { _ in Array(repeating: 1, count: count) }
        let error = await #expect(throws: StageError.self) {
            try await ReliableEmbedder(embedder, retry: Self.quick).embed(["a"])
        }
        #expect(error?.message == "counting gave a vector of \(count) numbers, expected 3")
    }

    @Test("Requests are as large as they may be, and no larger")
    func batches() async throws {
        let embedder = CountingEmbedder()
        let texts = ["aaaa", "bbbb", "cccc", "dd", "eeeeeeeeeeeeee", "f"]
        _ = try await ReliableEmbedder(
            embedder, retry: Self.quick, textsMax: 3, bytesMax: 10
        ).embed(texts)
        #expect(
            embedder.calls.withLock { $0 }
                == [["aaaa", "bbbb"], ["cccc", "dd"], ["eeeeeeeeeeeeee"], ["f"]])
    }
}
