/// What one collection name may stand for: every state that the promises allow at this moment.
/// nil is "no such collection".
///
/// An acknowledged change leaves no choice. One that was only accepted, or that failed with an I/O
/// error, may be there or not, but never without those before it.
struct PossibleStates: Sendable {
    typealias State = ModelCollection?

    /// The states after everything accepted so far.
    private(set) var latest: [State] = [nil]
    /// Earlier states: what a crash may fall back to, and what readers may see until what was
    /// accepted is durable.
    private(set) var earlier: [State] = []

    var all: [State] { latest + earlier }

    enum Outcome {
        /// It is durable, and so is every batch before it.
        case acknowledged
        /// It will become durable after those before it.
        case accepted
        /// It may be there or not.
        case failed
        /// It was refused as invalid. That rules no state out: the engine judges by what it has
        /// applied, which an I/O error may yet keep from the disk.
        case refused
    }

    /// A write. `change` gives nil when the call must be refused. False when no state allows the
    /// outcome.
    mutating func write(_ outcome: Outcome, _ change: (State) -> State?) -> Bool {
        switch outcome {
        case .acknowledged:
            latest = latest.compactMap(change)
            earlier = []
        case .accepted:
            let next = latest.compactMap(change)
            earlier = Self.distinct(earlier + latest)
            latest = next
        case .failed:
            latest = Self.distinct(latest + latest.compactMap(change))
        case .refused:
            return latest.contains { change($0) == nil }
        }
        return !latest.isEmpty
    }

    /// A change that does not pass through the log (creation, removal, settings): it is durable at
    /// once and says nothing of batches before it.
    mutating func administrate(_ outcome: Outcome, _ change: (State) -> State?) -> Bool {
        switch outcome {
        case .acknowledged, .accepted:
            latest = latest.compactMap(change)
            earlier = earlier.compactMap(change)
        case .failed:
            latest = Self.distinct(latest + latest.compactMap(change))
            earlier = Self.distinct(earlier + earlier.compactMap(change))
        case .refused:
            return latest.contains { change($0) == nil }
        }
        return !latest.isEmpty
    }

    /// After an I/O error accepted batches may be lost while the engine goes on.
    mutating func forgetOrder() {
        latest = Self.distinct(latest + earlier)
        earlier = []
    }

    /// Keeps the states that fit; there is one.
    mutating func narrow(_ fits: (State) -> Bool) {
        latest = latest.filter(fits)
        earlier = earlier.filter(fits)
        if latest.isEmpty { swap(&latest, &earlier) }
    }

    /// Another collection, in one of these states, stands in its place.
    mutating func replace(_ states: [State]) {
        latest = Self.distinct(states)
        earlier = []
    }

    /// The collection was seen in this state, and nothing is under way.
    mutating func adopt(_ state: State) {
        latest = [state]
        earlier = []
    }

    private static func distinct(_ states: [State]) -> [State] {
        var result: [State] = []
        for state in states where !result.contains(state) { result.append(state) }
        return result
    }
}
