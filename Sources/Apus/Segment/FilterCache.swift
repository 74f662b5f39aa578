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

    /// A filter whose rows nobody has looked for.
    package struct Question: Hashable, Sendable {
        /// How often it was asked, now included.
        package var askedCount = 0
        /// How many rows of a sample matched; nil: there was none.
        package var sample: Sample?
    }

    package struct Sample: Hashable, Sendable {
        package var rowCount: Int
        package var matchCount: Int
    }

    package enum Known: Sendable {
        /// The rows that match, deleted ones and perhaps newer ones among them.
        case rows(Bitmap)
        /// Those of the rows that were there when it was asked before.
        case some
        case nothing(Question)
    }

    private struct Entry {
        var matches = Bitmap(count: 0)
        var question = Question()
        var lastUse: UInt64
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var clock: UInt64 = 0

        mutating func set(_ filter: Key, _ entry: Entry) {
            entries[filter] = entry
            if entries.count > FilterCache.capacity,
                let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
            {
                entries[oldest.key] = nil
            }
        }
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

    /// What is remembered of a filter that is about to be asked. Where it is nothing, it is counted as
    /// asked.
    package func known(_ filter: Key, rowCount: Int) -> Known {
        state.withLock { state in
            state.clock += 1
            var entry = state.entries[filter] ?? Entry(lastUse: state.clock)
            entry.lastUse = state.clock
            defer { state.set(filter, entry) }
            if entry.matches.count >= rowCount { return .rows(entry.matches) }
            if entry.matches.count > 0 { return .some }
            entry.question.askedCount += 1
            return .nothing(entry.question)
        }
    }

    package func remember(_ filter: Key, _ sample: Sample) {
        state.withLock { $0.entries[filter]?.question.sample = sample }
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
            state.set(filter, Entry(matches: matches, lastUse: state.clock))
        }
    }
}
