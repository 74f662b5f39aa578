package import ApusCore
private import Synchronization

/// What is left of a collection's reads and writes per minute: two token buckets.
final class RequestRates: Sendable {
    private let buckets = Mutex((reads: TokenBucket(), writes: TokenBucket()))

    /// Takes a read of `cost`; throws `resourceExhausted` when that many are not left.
    func takeRead(cost: Int, perMinute: Int?, now: ContinuousClock.Instant = .now) throws {
        try buckets.withLock { try $0.reads.take(cost, perMinute, now, "Read") }
    }

    func takeWrite(cost: Int, perMinute: Int?, now: ContinuousClock.Instant = .now) throws {
        try buckets.withLock { try $0.writes.take(cost, perMinute, now, "Write") }
    }
}

/// Tokens that come back at a steady rate, as many at once as a minute has.
package struct TokenBucket {
    /// Tokens at `time`; nil: nothing was taken yet.
    private var state: (tokens: Double, time: ContinuousClock.Instant)?

    package init() {}

    package mutating func take(
        _ cost: Int, _ perMinute: Int?, _ now: ContinuousClock.Instant, _ kind: String
    ) throws(DatabaseError) {
        guard let perMinute else {
            state = nil
            return
        }
        let rate = Double(perMinute) / 60
        var tokens = Double(perMinute)
        if let state {
            tokens = min(tokens, state.tokens + rate * (now - state.time).seconds)
        }
        guard Double(cost) <= tokens else {
            state = (tokens, now)
            if cost > perMinute {
                throw StrictModeCheck.refusal(
                    "\(kind) rate limit exceeded: the operation costs \(cost), and \(perMinute) "
                        + "are allowed in a minute", "Split it.")
            }
            let wait = ((Double(cost) - tokens) / rate).rounded(.up)
            throw DatabaseError(
                .resourceExhausted,
                "Rate limiting exceeded: \(kind) rate limit exceeded: Operation requires \(cost) "
                    + "tokens but only \(Int(tokens)) were available. Retry after \(Int(wait))s")
        }
        state = (tokens - Double(cost), now)
    }
}

extension Duration {
    fileprivate var seconds: Double {
        Double(components.seconds) + Double(components.attoseconds) * 1e-18
    }
}
