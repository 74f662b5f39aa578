private import Synchronization

/// What ends a read before its time: a deadline, or that nobody waits for its answer any more.
///
/// Reads look for the one of the task or thread that they run in, and come back within about a
/// millisecond once it is due: searches ask it every few hundred rows. Whoever wants a limit puts it
/// around the call:
///
/// ```swift
/// try await Interruption.$current.withValue(Interruption(after: .milliseconds(50))) {
///     try await collection.query(request)
/// }
/// ```
///
/// A read that is due throws `DatabaseError` of the kind `timeout`, or `CancellationError` after
/// `cancel`. The `async` forms of reads are also cancelled with their task.
public final class Interruption: Sendable {
    /// The one that reads begun here obey; nil: they take as long as it takes.
    @TaskLocal public static var current: Interruption?

    private let timeout: Duration?
    private let deadline: ContinuousClock.Instant?
    private let isCancelled = Atomic(false)
    private let outer: Interruption?

    /// Due after so long, counted from now; nil: only when it is cancelled. And when the one is that
    /// it is made within.
    public convenience init(after timeout: Duration? = nil) {
        self.init(after: timeout, since: .now)
    }

    /// The same for what began to wait earlier.
    package init(after timeout: Duration?, since start: ContinuousClock.Instant) {
        outer = .current
        self.timeout = timeout
        // Centuries; more would overflow the clock.
        deadline = timeout.map { start.advanced(by: min($0, .seconds(1 << 33))) }
    }

    /// Nobody waits any more.
    public func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Cheap, but not for every row.
    package var isDue: Bool {
        if isCancelled.load(ordering: .relaxed) { return true }
        if let deadline, ContinuousClock.now >= deadline { return true }
        return outer?.isDue ?? false
    }

    package func check() throws {
        if isCancelled.load(ordering: .relaxed) { throw CancellationError() }
        if let deadline, let timeout, ContinuousClock.now >= deadline {
            throw DatabaseError(
                .timeout,
                "Timeout error: the request was not answered within the \(timeout) that it allows")
        }
        try outer?.check()
    }
}

extension Interruption {
    /// Runs `body`, whose reads may take so long together.
    package static func within<Value>(
        _ timeout: Duration, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        try await $current.withValue(
            Interruption(after: timeout), operation: body, isolation: isolation)
    }

    /// The same in seconds; nil: as long as it takes.
    package static func within<Value>(
        seconds: Int?, isolation: isolated (any Actor)? = #isolation,
        _ body: () async throws -> Value
    ) async throws -> Value {
        guard let seconds else { return try await body() }
        return try await within(.seconds(seconds), isolation: isolation, body)
    }

    /// The same on this thread, for what began at `start`.
    package static func within<Value>(
        seconds: Int?, since start: ContinuousClock.Instant, _ body: () throws -> Value
    ) throws -> Value {
        guard let seconds else { return try body() }
        return try $current.withValue(
            Interruption(after: .seconds(seconds), since: start), operation: body)
    }
}
