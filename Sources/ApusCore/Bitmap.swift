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
