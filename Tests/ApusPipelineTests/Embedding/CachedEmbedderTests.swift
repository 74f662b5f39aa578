import ApusPipeline
import Synchronization
import Testing

@Suite struct CachedEmbedderTests {
    /// Gives a text's length, and counts what it is asked.
    private final class Lengths: Embedder {
        let model: EmbeddingModel
        let asked = Mutex<[String]>([])

        init(version: String = "1") {
            model = EmbeddingModel(
                id: "lengths", version: version, dimension: 2, isNormalized: false)
        }

        func embed(_ texts: [String]) async throws -> [[Float]] {
            asked.withLock { $0 += texts }
            return texts.map { [Float($0.utf8.count), 1] }
        }
    }

    private final class Memory: VectorCache {
        let name = "memory"
        let content = Mutex<[String: [UInt8]]>([:])
        let calls = Mutex(0)
        let isBroken = Mutex(false)

        private func call() throws {
            calls.withLock { $0 += 1 }
            guard !isBroken.withLock({ $0 }) else {
                throw StageError(.transient(after: nil), stage: "cache", "no answer")
            }
        }

        func values(of keys: [String]) async throws -> [[UInt8]?] {
            try call()
            return content.withLock { content in keys.map { content[$0] } }
        }

        func keep(_ values: [(key: String, value: [UInt8])]) async throws {
            try call()
            content.withLock { content in
                for (key, value) in values { content[key] = value }
            }
        }
    }

    private let cache = Memory()
    private let monitor = PipelineMonitor()

    @Test func whatTheCacheHasIsNotMadeAgain() async throws {
        let lengths = Lengths()
        let embedder = CachedEmbedder(lengths, cache, monitor: monitor)
        #expect(try await embedder.embed(["a", "bb"]) == [[1, 1], [2, 1]])
        #expect(
            try await embedder.embed(["ccc", "bb", "a", "bb"]) == [
                [3, 1], [2, 1], [1, 1], [2, 1],
            ])
        #expect(lengths.asked.withLock { $0 } == ["a", "bb", "ccc"])
        #expect(monitor.progress.counters.cached == 3)
        #expect(
            try await CachedEmbedder(Lengths(version: "2"), cache, monitor: monitor).embed(["a"])
                == [[1, 1]])
        #expect(monitor.progress.counters.cached == 3)
    }

    @Test func aValueThatIsAnotherOnesIsNoVector() async throws {
        let embedder = CachedEmbedder(Lengths(), cache, monitor: monitor)
        _ = try await embedder.embed(["a", "bb"])
        cache.content.withLock { content in
            let keys = content.keys.sorted()
            let values = keys.map { content[$0] ?? [] }
            for (key, value) in zip(keys, values.reversed()) { content[key] = value }
        }
        #expect(try await embedder.embed(["a", "bb"]) == [[1, 1], [2, 1]])
        #expect(monitor.progress.counters.cached == 0)
    }

    @Test func everyBitOfAValueIsLookedAt() throws {
        let model = Lengths().model
        let entry = CachedVector(of: "a", model)
        let value = try #require(entry.value([0.5, -3]))
        #expect(entry.vector(value) == [0.5, -3])
        for bit in 0..<(value.count * 8) {
            var changed = value
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(entry.vector(changed) == nil)
        }
        for count in 0..<value.count { #expect(entry.vector(Array(value.prefix(count))) == nil) }
        #expect(entry.vector(value + [0]) == nil)
        #expect(entry.value([.nan, 1]) == nil)
        #expect(entry.value([1]) == nil)
    }

    @Test func aCacheThatFailsIsLeftAloneForAWhile() async throws {
        let start = ContinuousClock.now
        let passed = Mutex(Duration.zero)
        let lengths = Lengths()
        let embedder = CachedEmbedder(lengths, cache, monitor: monitor) {
            start + passed.withLock { $0 }
        }
        func calls(after seconds: Int) async throws -> Int {
            passed.withLock { $0 = .seconds(seconds) }
            let before = cache.calls.withLock { $0 }
            #expect(try await embedder.embed(["a"]) == [[1, 1]])
            return cache.calls.withLock { $0 } - before
        }
        cache.isBroken.withLock { $0 = true }
        // A second after the first failure, two after the next one.
        var found: [Int] = []
        for seconds in [0, 0, 1, 2, 3] { found.append(try await calls(after: seconds)) }
        #expect(found == [1, 0, 1, 0, 1])
        #expect(monitor.progress.counters.cacheFailures == 3)
        cache.isBroken.withLock { $0 = false }
        #expect(try await calls(after: 7) == 2)
        cache.isBroken.withLock { $0 = true }
        // It has worked: the next pause is the first one again.
        #expect(try await calls(after: 7) == 1)
        #expect(try await calls(after: 8) == 1)
    }
}
