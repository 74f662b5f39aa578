import ApusCore
import Synchronization

/// Tells calls that would go on for ever that the server is stopping.
package final class Drain: Sendable {
    private struct State {
        var hasBegun = false
        var waiters: [UInt64: CheckedContinuation<Void, any Error>] = [:]
        var lastTicket: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    var hasBegun: Bool { state.withLock { $0.hasBegun } }

    package func begin() {
        let waiters = state.withLock { state in
            state.hasBegun = true
            defer { state.waiters = [:] }
            return state.waiters.values
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits for what `body` waits for, at most until the server stops: then its task is cancelled,
    /// and this throws `unavailable`. nil: nothing came within `patience`.
    func waiting<Value: Sendable>(
        within patience: Duration? = nil,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        if hasBegun { throw Self.stopping }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await self.begun()
                throw Self.stopping
            }
            if let patience {
                group.addTask {
                    try await Task.sleep(for: patience)
                    return nil
                }
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    static let stopping = DatabaseError(
        .unavailable, "Service is stopping; go on from here when it is back")

    /// Returns when the server begins to stop.
    private func begun() async throws {
        let ticket = state.withLock { state in
            state.lastTicket += 1
            return state.lastTicket
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let isOver = state.withLock { state in
                    if !state.hasBegun { state.waiters[ticket] = continuation }
                    return state.hasBegun
                }
                if isOver { continuation.resume() }
                if Task.isCancelled { giveUp(ticket) }
            }
        } onCancel: {
            giveUp(ticket)
        }
    }

    private func giveUp(_ ticket: UInt64) {
        let waiter = state.withLock { $0.waiters.removeValue(forKey: ticket) }
        waiter?.resume(throwing: CancellationError())
    }
}
