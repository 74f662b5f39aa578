import ApusCore
import TestSupport

/// A payload with keys from a small set, so that paths drawn from that set often hit.
func randomPayload(_ random: inout SeededGenerator, depth: Int) -> Payload {
    var payload: Payload = [:]
    for _ in 0..<Int.random(in: 0...5, using: &random) {
        payload[randomKey(&random)] = randomValue(&random, depth: depth)
    }
    return payload
}

func randomKey(_ random: inout SeededGenerator) -> String {
    ["a", "b", "c", "ab", "é", "k.1", ""].randomElement(using: &random) ?? "a"
}

func randomValue(_ random: inout SeededGenerator, depth: Int) -> JSONValue {
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
