package import ApusCore

/// A place in the changes of a collection: which history, and the last version that is done with.
package struct ChangePosition: Hashable, Sendable {
    /// Names the history that versions belong to; empty: not known.
    package var log: String
    package var lsn: SequenceNumber

    package init(log: String, lsn: SequenceNumber) {
        self.log = log
        self.lsn = lsn
    }
}

/// Where the changes of a collection are carried to. It keeps, beside what it was given or in one
/// with that, how far it is. One task writes to it; another may call `settle` meanwhile.
package protocol ChangeSink: Sendable {
    /// Through which version everything is there for good; nil: there is nothing, or a snapshot that
    /// did not come to its end.
    func position() async throws -> ChangePosition?
    /// What follows changes the state at this place, of which nothing is known here.
    func begin(at position: ChangePosition) async throws
    /// The points of a snapshot follow, as `snapshot` events of its version.
    func beginSnapshot(_ position: ChangePosition) async throws
    func endSnapshot() async throws
    /// Takes events, in order and without a gap. They may not be there for good yet. Waits where it
    /// holds as much as it may.
    func write(_ batch: ChangeBatch) async throws
    /// Makes good what has waited long enough, or everything up to the last complete version.
    func settle(all: Bool) async throws
    func close() async
}
