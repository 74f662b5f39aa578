/// Austin Appleby's MurmurHash3 in its form for 32 bits, with seed 0.
enum MurmurHash3 {
    static func hash(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var state: UInt32 = 0
        var block: UInt32 = 0
        var count: UInt32 = 0
        for byte in bytes {
            block |= UInt32(byte) << (8 * (count & 3))
            count &+= 1
            if count & 3 == 0 {
                state = rotated(state ^ scrambled(block), by: 13) &* 5 &+ 0xe654_6b64
                block = 0
            }
        }
        if count & 3 != 0 { state ^= scrambled(block) }
        state ^= count
        state = (state ^ (state >> 16)) &* 0x85eb_ca6b
        state = (state ^ (state >> 13)) &* 0xc2b2_ae35
        return state ^ (state >> 16)
    }

    private static func scrambled(_ block: UInt32) -> UInt32 {
        rotated(block &* 0xcc9e_2d51, by: 15) &* 0x1b87_3593
    }

    private static func rotated(_ value: UInt32, by count: UInt32) -> UInt32 {
        value << count | value >> (32 - count)
    }
}
