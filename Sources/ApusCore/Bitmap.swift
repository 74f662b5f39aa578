/// A set of ordinals below `count`, one bit each.
public struct Bitmap: Hashable, Sendable {
    /// 64 ordinals a word, lowest bit first; bits at `count` and beyond are zero.
    package private(set) var words: [UInt64]
    public private(set) var count: Int

    /// `count` ordinals, all absent or all present.
    public init(count: Int, repeating value: Bool = false) {
        self.count = count
        words = Array(repeating: value ? .max : 0, count: (count + 63) / 64)
        clearTail()
    }

    public subscript(ordinal: Int) -> Bool {
        get { words[ordinal >> 6] & (1 << UInt64(ordinal & 63)) != 0 }
        set {
            let bit: UInt64 = 1 << UInt64(ordinal & 63)
            if newValue { words[ordinal >> 6] |= bit } else { words[ordinal >> 6] &= ~bit }
        }
    }

    /// How many ordinals are present. O(count / 64).
    public var cardinality: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// How many ordinals below `end` are present. O(end / 64).
    package func cardinality(below end: Int) -> Int {
        let end = min(end, count)
        let whole = words.prefix(end >> 6).reduce(0) { $0 + $1.nonzeroBitCount }
        guard end & 63 != 0 else { return whole }
        return whole + (words[end >> 6] & ((1 << UInt64(end & 63)) - 1)).nonzeroBitCount
    }

    /// Grows to `newCount` ordinals; the new ones are absent.
    public mutating func grow(to newCount: Int) {
        guard newCount > count else { return }
        count = newCount
        let wordCount = (newCount + 63) / 64
        words.append(contentsOf: repeatElement(0, count: wordCount - words.count))
    }

    public mutating func formIntersection(_ other: Bitmap) {
        for index in words.indices {
            words[index] &= index < other.words.count ? other.words[index] : 0
        }
    }

    public mutating func formUnion(_ other: Bitmap) {
        grow(to: other.count)
        for index in other.words.indices { words[index] |= other.words[index] }
    }

    /// Takes away the ordinals of another set.
    public mutating func subtract(_ other: Bitmap) {
        for index in 0..<min(words.count, other.words.count) {
            words[index] &= ~other.words[index]
        }
    }

    /// Whether some ordinal is in both sets.
    public func intersects(_ other: Bitmap) -> Bool {
        (0..<min(words.count, other.words.count)).contains { words[$0] & other.words[$0] != 0 }
    }

    /// Whether no ordinal is present.
    public var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// Adds the ordinals of a set that begins at `start`, a multiple of 64; those beyond `count` are
    /// left out.
    package mutating func formUnion(_ other: Bitmap, from start: Int) {
        let first = start >> 6
        for index in 0..<max(0, min(other.words.count, words.count - first)) {
            words[first + index] |= other.words[index]
        }
        clearTail()
    }

    /// The ordinals of a range, which begins at a multiple of 64, numbered from its beginning.
    package func part(_ range: Range<Int>) -> Bitmap {
        var part = Bitmap(count: range.count)
        let first = range.lowerBound >> 6
        for index in 0..<max(0, min(part.words.count, words.count - first)) {
            part.words[index] = words[first + index]
        }
        part.clearTail()
        return part
    }

    /// How many ordinals are in both sets.
    package func cardinality(common other: Bitmap) -> Int {
        (0..<min(words.count, other.words.count)).reduce(0) {
            $0 + (words[$1] & other.words[$1]).nonzeroBitCount
        }
    }

    /// Lends the words. REQUIRES: the bits at `count` and beyond stay zero.
    package mutating func withWords(_ body: (inout MutableSpan<UInt64>) -> Void) {
        var span = words.mutableSpan
        body(&span)
    }

    /// Every absent ordinal becomes present and the other way round.
    public mutating func invert() {
        for index in words.indices { words[index] = ~words[index] }
        clearTail()
    }

    /// Calls `body` with each present ordinal, ascending.
    public func forEach(_ body: (Int) throws -> Void) rethrows {
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                try body(index << 6 + rest.trailingZeroBitCount)
                rest &= rest &- 1
            }
        }
    }

    private mutating func clearTail() {
        let used = count & 63
        if used != 0, !words.isEmpty { words[words.count - 1] &= (1 << UInt64(used)) - 1 }
    }
}
