/// Marsaglia's xorshift64*: the same numbers in every run.
struct Xorshift: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_f491_4f6c_dd1d
    }

    /// -1…1
    mutating func float() -> Float { Float(next() >> 40) / Float(1 << 23) - 1 }

    mutating func permutation(of count: Int) -> [UInt32] {
        var ids = (0..<UInt32(count)).map { $0 }
        ids.shuffle(using: &self)
        return ids
    }
}
