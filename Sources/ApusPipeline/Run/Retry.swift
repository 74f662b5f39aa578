/// How often something is tried again that may work later, and how long to wait before.
///
/// Waits double from `first` up to `longest`, and each is a random time between half of that and the
/// whole, so that many who fail together do not come back together. What a server asks for by itself
/// (`Retry-After`) is waited for where it is longer, up to `longest`.
package struct Retry: Sendable {
    package var tries = 6
    package var first = Duration.milliseconds(200)
    package var longest = Duration.seconds(30)
    /// Waits; tests put something else here.
    package var sleep: @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    /// From 0 to 1.
    package var random: @Sendable () -> Double = { Double.random(in: 0...1) }

    package init() {}

    /// Does the work, again after transient `StageError`s. `noted` hears of each before the wait.
    package func run<Value: Sendable>(
        noted: @Sendable (StageError) -> Void = { _ in },
        _ work: @Sendable () async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        while true {
            do {
                return try await work()
            } catch let error as StageError where error.isTransient && attempt < tries {
                noted(error)
                try await sleep(pause(after: attempt, error))
                attempt += 1
            }
        }
    }

    /// How long to wait after the n-th failure in a row, counted from 1.
    package func pause(after attempt: Int, _ error: StageError) -> Duration {
        let doubled = first * (1 << min(max(attempt - 1, 0), 20))
        let pause = min(doubled, longest) * (0.5 + random() / 2)
        guard case .transient(let asked?) = error.kind else { return pause }
        return max(pause, min(asked, longest))
    }
}
