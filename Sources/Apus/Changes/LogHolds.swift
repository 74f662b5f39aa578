internal import ApusCore
private import Synchronization

/// The places in a log from which on readers still need it.
final class LogHolds: Sendable {
    struct Ticket: Hashable, Sendable { fileprivate var number: UInt64 }

    private struct State {
        var places: [Ticket: SequenceNumber] = [:]
        var lastNumber: UInt64 = 0
    }

    private let state = Mutex(State())

    func begin(at place: SequenceNumber) -> Ticket {
        state.withLock { state in
            state.lastNumber += 1
            let ticket = Ticket(number: state.lastNumber)
            state.places[ticket] = place
            return ticket
        }
    }

    func move(_ ticket: Ticket, to place: SequenceNumber) {
        state.withLock { $0.places[ticket] = place }
    }

    func end(_ ticket: Ticket) { state.withLock { $0.places[ticket] = nil } }

    /// The first batch that somebody needs; nil: nobody needs any.
    var first: SequenceNumber? { state.withLock { $0.places.values.min() } }
}
