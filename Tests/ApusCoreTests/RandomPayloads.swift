import ApusCore

/// SplitMix64: a small generator whose sequence follows from its seed.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }
}

/// A payload with keys from a small set, so that paths drawn from that set often hit.
func randomPayload(_ random: inout Generator, depth: Int) -> Payload {
    var payload: Payload = [:]
    for _ in 0..<Int.random(in: 0...5, using: &random) {
        payload[randomKey(&random)] = randomValue(&random, depth: depth)
    }
    return payload
}

func randomKey(_ random: inout Generator) -> String {
    ["a", "b", "c", "ab", "é", "k.1", ""].randomElement(using: &random) ?? "a"
}

func randomValue(_ random: inout Generator, depth: Int) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 10 : 7), using: &random) {
    case 0: .null
    case 1: .bool(.random(using: &random))
    case 2: .integer(Int64.random(in: -3...3, using: &random))
    case 3: .integer([.min, .max, 1 << 53, -1].randomElement(using: &random) ?? 0)
    case 4: .double([0, 1, -2.5, 1e300, 0.1].randomElement(using: &random) ?? 0)
    case 5, 6:
        .string(["", "x", "xy", "naïve 語", "2024-02-29"].randomElement(using: &random) ?? "")
    case 7, 8:
        .array(
            (0..<Int.random(in: 0...3, using: &random)).map { _ in
                randomValue(&random, depth: depth - 1)
            })
    default: .object(randomPayload(&random, depth: depth - 1))
    }
}
