internal import ApusCore
private import Synchronization

/// Those who wait until readers see a version.
///
/// Whoever publishes a version calls `release`, which costs a look at a number while nobody waits.
final class VersionWaiters: Sendable {
    private struct Waiter {
        var version: SequenceNumber
        var continuation: CheckedContinuation<Void, any Error>
    }

    private struct State {
        var waiters: [UInt64: Waiter] = [:]
        var lastTicket: UInt64 = 0
        /// Why no version comes any more.
        var failure: DatabaseError?
    }

    /// More are refused: each holds memory for as long as its caller likes.
    static let countMax = 4_096

    private let state = Mutex(State())
    private let count = Atomic(0)

    /// Returns once `release` has come to the version; `isVisible` tells whether it is there
    /// already. Throws `CancellationError` when the task is cancelled, why nothing comes any more,
    /// or `resourceExhausted`.
    func wait(for version: SequenceNumber, unless isVisible: @Sendable () -> Bool) async throws {
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                add(Waiter(version: version, continuation: continuation), ticket)
                // It may have come, or the task may have been cancelled, before this was there.
                if isVisible() { end(ticket, .success(())) }
                if Task.isCancelled { end(ticket, .failure(CancellationError())) }
            }
        } onCancel: {
            end(ticket, .failure(CancellationError()))
        }
    }

    /// Readers see every version up to this one.
    func release(through version: SequenceNumber) {
        guard count.load(ordering: .sequentiallyConsistent) > 0 else { return }
        let ready = state.withLock { state in
            let ready = state.waiters.filter { $0.value.version <= version }
            for ticket in ready.keys { state.waiters[ticket] = nil }
            count.store(state.waiters.count, ordering: .sequentiallyConsistent)
            return ready.values
        }
        for waiter in ready { waiter.continuation.resume() }
    }

    /// No version comes any more: ends all waits, now and later.
    func fail(_ failure: DatabaseError) {
        let waiters = state.withLock { state in
            if state.failure == nil { state.failure = failure }
            defer { state.waiters = [:] }
            count.store(0, ordering: .sequentiallyConsistent)
            return state.waiters.values
        }
        for waiter in waiters { waiter.continuation.resume(throwing: failure) }
    }

    private func add(_ waiter: Waiter, _ ticket: UInt64) {
        let refusal = state.withLock { state -> DatabaseError? in
            if let failure = state.failure { return failure }
            guard state.waiters.count < Self.countMax else {
                return DatabaseError(
                    .resourceExhausted,
                    "\(Self.countMax) calls wait for a version of the collection; try again later")
            }
            state.waiters[ticket] = waiter
            count.store(state.waiters.count, ordering: .sequentiallyConsistent)
            return nil
        }
        if let refusal { waiter.continuation.resume(throwing: refusal) }
    }

    private func end(_ ticket: UInt64, _ outcome: Result<Void, any Error>) {
        let waiter = state.withLock { state in
            let waiter = state.waiters.removeValue(forKey: ticket)
            count.store(state.waiters.count, ordering: .sequentiallyConsistent)
            return waiter
        }
        waiter?.continuation.resume(with: outcome)
    }
}
