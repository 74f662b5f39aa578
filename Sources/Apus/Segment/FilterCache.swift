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
    package struct Key: Equatable, Sendable {
        package let filter: Filter
        package let textFields: [PayloadPath: PayloadFieldSchema]
        /// Of the filter: it is hashed once, however often it is looked up.
        fileprivate let digest: Int

        package init(filter: Filter, textFields: [PayloadPath: PayloadFieldSchema]) {
            self.filter = filter
            self.textFields = textFields
            digest = filter.hashValue
        }

        package var compiled: CompiledFilter { CompiledFilter(filter, schema: textFields) }
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
        let key: Key
        var matches = Bitmap(count: 0)
        var question = Question()
    }

    /// What is compared lies side by side: few entries are looked through sooner than hashed.
    private struct State {
        private var entries: [Entry] = []
        private var digests: [Int] = []
        private var lastUses: [UInt64] = []
        private var clock: UInt64 = 0

        /// Where a filter's entry is, which counts as used now.
        mutating func place(of key: Key) -> Int? {
            for place in digests.indices
            where digests[place] == key.digest && entries[place].key == key {
                clock += 1
                lastUses[place] = clock
                return place
            }
            return nil
        }

        /// The place of a new entry for a filter that has none.
        mutating func add(_ key: Key) -> Int {
            clock += 1
            guard entries.count == FilterCache.capacity,
                let place = lastUses.indices.min(by: { lastUses[$0] < lastUses[$1] })
            else {
                entries.append(Entry(key: key))
                digests.append(key.digest)
                lastUses.append(clock)
                return entries.count - 1
            }
            entries[place] = Entry(key: key)
            digests[place] = key.digest
            lastUses[place] = clock
            return place
        }

        subscript(place: Int) -> Entry {
            get { entries[place] }
            _modify { yield &entries[place] }
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
            let place = state.place(of: filter) ?? state.add(filter)
            let matches = state[place].matches
            if matches.count >= rowCount { return .rows(matches) }
            if matches.count > 0 { return .some }
            state[place].question.askedCount += 1
            return .nothing(state[place].question)
        }
    }

    package func remember(_ filter: Key, _ sample: Sample) {
        state.withLock { state in
            if let place = state.place(of: filter) { state[place].question.sample = sample }
        }
    }

    private func remembered(_ filter: Key) -> Bitmap {
        state.withLock { state in
            state.place(of: filter).map { state[$0].matches } ?? Bitmap(count: 0)
        }
    }

    private func remember(_ filter: Key, _ matches: Bitmap) {
        state.withLock { state in
            let place = state.place(of: filter) ?? state.add(filter)
            if state[place].matches.count < matches.count { state[place].matches = matches }
        }
    }
}
