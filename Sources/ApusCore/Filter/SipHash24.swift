/// SipHash-2-4 with a key of zeros (Aumasson and Bernstein, 2012), for the slices of the id space.
///
/// Clients may compute the hash themselves to know a point's slice, so it never changes.
enum SipHash24 {
    /// Hashes a number as its 8 bytes in little-endian order, a UUID as its 16 bytes in the order
    /// in which it is written.
    static func hash(of id: PointID) -> UInt64 {
        switch id {
        case .number(let number): hash(words: number, nil)
        case .uuid(let uuid): hash(words: uuid.high.byteSwapped, uuid.low.byteSwapped)
        }
    }

    /// Hashes one or two words of eight bytes each, first byte lowest.
    private static func hash(words first: UInt64, _ second: UInt64?) -> UInt64 {
        var state = State()
        state.absorb(first)
        if let second { state.absorb(second) }
        // The last block holds the length in its top byte.
        state.absorb(UInt64(second == nil ? 8 : 16) << 56)
        return state.finish()
    }

    private struct State {
        var v0: UInt64 = 0x736f_6d65_7073_6575
        var v1: UInt64 = 0x646f_7261_6e64_6f6d
        var v2: UInt64 = 0x6c79_6765_6e65_7261
        var v3: UInt64 = 0x7465_6462_7974_6573

        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish() -> UInt64 {
            v2 ^= 0xff
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }

        private mutating func round() {
            v0 &+= v1
            v1 = Self.rotate(v1, 13) ^ v0
            v0 = Self.rotate(v0, 32)
            v2 &+= v3
            v3 = Self.rotate(v3, 16) ^ v2
            v0 &+= v3
            v3 = Self.rotate(v3, 21) ^ v0
            v2 &+= v1
            v1 = Self.rotate(v1, 17) ^ v2
            v2 = Self.rotate(v2, 32)
        }

        private static func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 {
            value << count | value >> (64 - count)
        }
    }
}
