internal import ApusCore
private import Synchronization

/// The versions of one collection that readers asked to keep.
///
/// Two bounds: a number of versions, the one not used for longest going first, and a time without
/// use. So a reader who comes back in time and is one of few finds its version; who does not is
/// told which ones are kept. Keeping a version costs the segments that it shows: their memory, and
/// the disk space of files that were replaced since.
final class PinnedViews: Sendable {
    let countMax: Int
    let keepTime: Duration

    private struct Entry {
        var view: ReadView
        /// When it was used, and the how-manieth use it was: times may be equal.
        var lastUse: (time: Duration, turn: UInt64)
    }

    private struct State {
        var entries: [SequenceNumber: Entry] = [:]
        var turn: UInt64 = 0
        var isClosed = false

        /// Takes out what was last used at `limit` or before.
        mutating func removeUnused(since limit: Duration) -> [ReadView] {
            let unused = entries.filter { $0.value.lastUse.time <= limit }
            for version in unused.keys { entries[version] = nil }
            return unused.values.map(\.view)
        }
    }

    private let state = Mutex(State())

    init(countMax: Int, keepTime: Duration) {
        self.countMax = max(1, countMax)
        self.keepTime = keepTime
    }

    /// Keeps a view. Of two views of one version the later stays: it shows the same points, and its
    /// segments are the ones in use.
    func pin(_ view: ReadView, now: Duration) {
        let dropped = state.withLock { state -> [ReadView] in
            guard !state.isClosed else { return [] }
            var dropped = state.removeUnused(since: now - keepTime)
            state.turn += 1
            state.entries[view.lsn] = Entry(view: view, lastUse: (now, state.turn))
            while state.entries.count > countMax,
                let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.entries[oldest.key] = nil
                dropped.append(oldest.value.view)
            }
            return dropped
        }
        // Unmapping files takes a while: it happens here, outside the lock.
        _ = consume dropped
    }

    /// The view of a version that is kept, which counts as a use; nil: it is not.
    func view(of version: SequenceNumber, now: Duration) -> ReadView? {
        removeUnused(now: now)
        return state.withLock { state in
            state.turn += 1
            state.entries[version]?.lastUse = (now, state.turn)
            return state.entries[version]?.view
        }
    }

    /// Lets go of the versions that were not used for the time to keep them.
    func removeUnused(now: Duration) {
        _ = state.withLock { $0.removeUnused(since: now - keepTime) }
    }

    func release(_ version: SequenceNumber) {
        _ = state.withLock { $0.entries.removeValue(forKey: version) }
    }

    /// Lets go of all versions and keeps none from here on.
    func close() {
        _ = state.withLock { state in
            state.isClosed = true
            defer { state.entries = [:] }
            return state.entries
        }
    }

    var isEmpty: Bool { state.withLock { $0.entries.isEmpty } }

    /// What is kept, ascending.
    var versions: [SequenceNumber] { state.withLock { $0.entries.keys.sorted() } }

    var views: [ReadView] { state.withLock { $0.entries.values.map(\.view) } }
}
