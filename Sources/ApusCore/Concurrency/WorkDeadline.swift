/// When nobody waits any more for the work that a task asks for.
///
/// Work that is still queued then is not begun: on an overloaded machine it would take the time of
/// what somebody waits for.
package enum WorkDeadline {
    @TaskLocal package static var current: ContinuousClock.Instant?

    /// Runs `body` with a deadline so long from now, or an earlier one that there is already.
    package static func atMost<Value>(
        _ duration: Duration, _ body: () async throws -> Value
    ) async rethrows -> Value {
        let end = ContinuousClock.now + duration
        if let current, current <= end { return try await body() }
        return try await $current.withValue(end, operation: body)
    }
}
