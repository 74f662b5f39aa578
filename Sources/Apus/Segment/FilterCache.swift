package import ApusCore
private import Synchronization

/// Remembers which rows of a segment match a filter.
///
/// A row never changes, so an answer stays true for ever: only rows that were added since are
/// looked at again. Deleted rows stay in the answer; readers leave them out by their marks.
package final class FilterCache: Sendable {
    /// Filters remembered per segment; the one not used for longest goes first.
    private static let capacity = 32

    /// The same filter means something else once a field has a text index.
    package struct Key: Hashable, Sendable {
        package var filter: Filter
        package var textFields: [PayloadPath: PayloadFieldSchema]
    }

    private struct Entry {
        var matches: Bitmap
        var lastUse: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var clock: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// The rows below `rowCount` that match; `evaluate` extends an earlier answer, whose bitmap
    /// covers fewer rows. Two callers may evaluate the same rows at the same time; both are right.
    package func matches(
        _ filter: Key, rowCount: Int, evaluate: (inout Bitmap, Range<Int>) throws -> Void
    ) rethrows -> Bitmap {
        var matches = remembered(filter)
        if matches.count < rowCount {
            let known = matches.count
            matches.grow(to: rowCount)
            try evaluate(&matches, known..<rowCount)
            remember(filter, matches)
        }
        return matches
    }

    private func remembered(_ filter: Key) -> Bitmap {
        state.withLock { state in
            state.clock += 1
            state.entries[filter]?.lastUse = state.clock
            return state.entries[filter]?.matches ?? Bitmap(count: 0)
        }
    }

    private func remember(_ filter: Key, _ matches: Bitmap) {
        state.withLock { state in
            guard state.entries[filter].map({ $0.matches.count < matches.count }) ?? true else {
                return
            }
            state.entries[filter] = Entry(matches: matches, lastUse: state.clock)
            if state.entries.count > Self.capacity,
                let oldest = state.entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                state.entries[oldest.key] = nil
            }
        }
    }
}
