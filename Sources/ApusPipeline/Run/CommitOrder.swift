private import Synchronization

/// Lets tasks that finish in any order go on one after the other, in the order of their numbers.
package final class CommitOrder: Sendable {
    private struct State {
        var turn = 0
        var waiting: [Int: CheckedContinuation<Void, any Error>] = [:]
        var isStopped = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Returns when it is `number`'s turn. Throws `CancellationError` once somebody stopped.
    package func wait(for number: Int) async throws {
        try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Void, any Error>) in
            let outcome: Result<Void, any Error>? = state.withLock { state in
                if state.isStopped { return .failure(CancellationError()) }
                if state.turn == number { return .success(()) }
                state.waiting[number] = continuation
                return nil
            }
            if let outcome { continuation.resume(with: outcome) }
        }
    }

    /// Whose turn it was is done: the next one goes on.
    package func advance() {
        let next = state.withLock { state in
            state.turn += 1
            return state.waiting.removeValue(forKey: state.turn)
        }
        next?.resume()
    }

    /// Nobody goes on any more.
    package func stop() {
        let waiting = state.withLock { state in
            state.isStopped = true
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume(throwing: CancellationError()) }
    }
}
