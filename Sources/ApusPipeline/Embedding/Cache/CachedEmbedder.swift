private import Synchronization

/// An embedder that asks a cache first, and gives it what it had to make.
///
/// A cache that fails, or has something else than vectors, costs time and nothing more: what it does
/// not give is embedded. After a failure it is left alone for a while, each time twice as long.
package struct CachedEmbedder: Embedder {
    private let inner: any Embedder
    private let cache: any VectorCache
    private let monitor: PipelineMonitor
    private let rest: Rest

    package init(
        _ inner: any Embedder, _ cache: any VectorCache, monitor: PipelineMonitor,
        now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) {
        self.inner = inner
        self.cache = cache
        self.monitor = monitor
        rest = Rest(now: now)
    }

    package var model: EmbeddingModel { inner.model }

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        let entries = texts.map { CachedVector(of: $0, model) }
        var vectors = await cached(entries)
        let missing = vectors.indices.filter { vectors[$0] == nil }
        guard !missing.isEmpty else { return vectors.compactMap(\.self) }
        let made = try await inner.embed(missing.map { texts[$0] })
        guard made.count == missing.count else {
            throw StageError(
                .transient(after: nil), stage: "embed",
                "\(model.id) gave \(made.count) vectors for \(missing.count) texts")
        }
        for (index, vector) in zip(missing, made) { vectors[index] = vector }
        await keep(zip(missing, made).map { (entries[$0], $1) })
        return vectors.compactMap(\.self)
    }

    private func cached(_ entries: [CachedVector]) async -> [[Float]?] {
        let none = [[Float]?](repeating: nil, count: entries.count)
        guard rest.isOver else { return none }
        do {
            let values = try await cache.values(of: entries.map(\.key))
            guard values.count == entries.count else {
                throw StageError(
                    .transient(after: nil), stage: "cache",
                    "\(cache.name) gave \(values.count) values for \(entries.count) keys")
            }
            let vectors = zip(entries, values).map { entry, value in
                value.flatMap { entry.vector($0) }
            }
            let hits = vectors.count { $0 != nil }
            monitor.update { $0.counters.cached += hits }
            rest.end()
            return vectors
        } catch {
            failed(error)
            return none
        }
    }

    private func keep(_ made: [(entry: CachedVector, vector: [Float])]) async {
        guard rest.isOver else { return }
        let values = made.compactMap { entry, vector in
            entry.value(vector).map { (key: entry.key, value: $0) }
        }
        guard !values.isEmpty else { return }
        do { try await cache.keep(values) } catch { failed(error) }
    }

    private func failed(_ error: any Error) {
        rest.begin()
        let text = (error as? StageError)?.message ?? "\(error)"
        monitor.update {
            $0.counters.cacheFailures += 1
            $0.lastFailure = "cache: \(text)"
        }
    }

    /// How long a cache that failed is left alone.
    private final class Rest: Sendable {
        private struct State {
            var until: ContinuousClock.Instant?
            var next = Duration.seconds(1)
        }

        private static let longest = Duration.seconds(60)

        private let state = Mutex(State())
        private let now: @Sendable () -> ContinuousClock.Instant

        init(now: @escaping @Sendable () -> ContinuousClock.Instant) { self.now = now }

        var isOver: Bool { state.withLock { $0.until.map { $0 <= now() } ?? true } }

        func begin() {
            state.withLock {
                $0.until = now() + $0.next
                $0.next = min($0.next * 2, Self.longest)
            }
        }

        func end() { state.withLock { $0 = State() } }
    }
}
