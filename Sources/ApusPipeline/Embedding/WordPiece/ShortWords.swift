/// The tokens of a vocabulary that are words of at most eight bytes, by these bytes as one number.
///
/// Most words of a text are such tokens: one look into a table finds them, where the trie takes one for
/// each byte (of short English texts that was near half of the time of an embedding).
struct ShortWords: Sendable {
    static let byteCountMax = 8

    /// Words, with open addressing; no word has a zero byte, so that 0 is an empty place.
    private var words: [UInt64] = [0, 0]
    private var tokens: [UInt32] = [0, 0]
    private var count = 0

    /// Adds a token unless it is empty, too long, or has a zero byte; of equal ones the last counts.
    mutating func insert(_ bytes: ArraySlice<UInt8>, token: UInt32) {
        guard (1...Self.byteCountMax).contains(bytes.count), !bytes.contains(0) else { return }
        if (count + 1) * 2 > words.count { grow() }
        put(Self.number(Array(bytes), 0..<bytes.count), token)
    }

    /// The token that the bytes of a range are as a whole. They must have no zero byte.
    func token(of bytes: [UInt8], _ range: Range<Int>) -> UInt32? {
        guard range.count <= Self.byteCountMax else { return nil }
        let word = Self.number(bytes, range)
        let place = place(of: word)
        return words[place] == word ? tokens[place] : nil
    }

    /// Where a word is, or would be.
    private func place(of word: UInt64) -> Int {
        // Fibonacci hashing: the upper half of the product depends on all bytes.
        let hash = (word ^ word >> 32) &* 0x9E37_79B9_7F4A_7C15
        var place = Int(truncatingIfNeeded: hash >> 32) & (words.count - 1)
        while words[place] != 0, words[place] != word { place = (place + 1) & (words.count - 1) }
        return place
    }

    private mutating func put(_ word: UInt64, _ token: UInt32) {
        let place = place(of: word)
        if words[place] == 0 { count += 1 }
        words[place] = word
        tokens[place] = token
    }

    private mutating func grow() {
        let old = zip(words, tokens)
        words = [UInt64](repeating: 0, count: words.count * 2)
        tokens = [UInt32](repeating: 0, count: words.count)
        count = 0
        for (word, token) in old where word != 0 { put(word, token) }
    }

    private static func number(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
        var number: UInt64 = 0
        for index in range { number = number << 8 | UInt64(bytes[index]) }
        return number
    }
}
