import TestSupport

/// Makes inputs out of a corpus. The input of an index follows from the seed, the index and the
/// corpus alone, so that any one can be made again.
struct FuzzMutator {
    private let corpus: [FuzzInput]
    /// For each input the places of bytes that are not zero: files are mostly padding.
    private let places: [[Int]]
    private let tokens: [[UInt8]]
    private let repair: (@Sendable (inout FuzzInput) -> Void)?
    private let seed: UInt64

    init(_ target: FuzzTarget, corpus: [FuzzInput], seed: UInt64) {
        self.corpus = corpus
        self.seed = seed
        tokens = target.tokens.map { Array($0.utf8) }
        repair = target.repair
        places = corpus.map { input in
            input.bytes.indices.filter { input.bytes[$0] != 0 }
        }
    }

    /// The corpus itself comes first, unchanged.
    func input(at index: Int) -> FuzzInput {
        if index < corpus.count { return corpus[index] }
        var random = SeededGenerator(seed: seed &* 0x2545_f491_4f6c_dd1d &+ UInt64(index))
        let base = Int(random.next() % UInt64(corpus.count))
        var input = corpus[base]
        // One change in half of the inputs, two in a quarter, and so on.
        let changes = min(8, (random.next() | 1 << 40).trailingZeroBitCount + 1)
        for _ in 0..<changes { change(&input, base, &random) }
        if random.next() & 1 == 0 { repair?(&input) }
        return input
    }

    private static let interesting: [UInt64] = [
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff,
        0x1_0000_0000, 1 << 53, 1 << 62, UInt64(Int64.max), 1 << 63, .max - 1, .max,
    ]

    private func change(_ input: inout FuzzInput, _ base: Int, _ random: inout SeededGenerator) {
        var bytes = input.bytes
        input.bytes = []
        defer { input.bytes = bytes }
        let place = place(in: bytes, base, &random)
        guard !bytes.isEmpty else {
            bytes = (0..<(random.next() % 16)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            return
        }
        switch random.next() % 16 {
        case 0, 1: bytes[place] ^= 1 << UInt8(random.next() % 8)
        case 2, 3: bytes[place] = UInt8(truncatingIfNeeded: random.next())
        case 4: bytes[place] &+= UInt8(truncatingIfNeeded: random.next() % 9) &- 4
        case 5, 6, 7: writeInteger(&bytes, place, &random)
        case 8: writeVarInt(&bytes, place, &random)
        case 9: bytes.removeLast(bytes.count - place)
        case 10:
            let isZero = random.next() & 1 == 0
            for _ in 0..<(1 + random.next() % 64) {
                bytes.append(isZero ? 0 : UInt8(truncatingIfNeeded: random.next()))
            }
        case 11, 12: moveBlock(&bytes, place, &random)
        case 13: splice(&bytes, place, base, &random)
        default:
            guard let token = pick(tokens, &random) else {
                return writeInteger(&bytes, place, &random)
            }
            let isInserted = random.next() & 1 == 0
            let end = isInserted ? place : min(bytes.count, place + token.count)
            bytes.replaceSubrange(place..<end, with: token)
        }
    }

    /// Mostly a place near one where the original is not zero.
    private func place(in bytes: [UInt8], _ base: Int, _ random: inout SeededGenerator) -> Int {
        guard !bytes.isEmpty else { return 0 }
        let any = Int(random.next() % UInt64(bytes.count))
        guard random.next() % 8 != 0, let near = pick(places[base], &random) else { return any }
        let shifted = near - Int(random.next() % 4)
        return shifted >= 0 && shifted < bytes.count ? shifted : any
    }

    private func writeInteger(
        _ bytes: inout [UInt8], _ place: Int, _ random: inout SeededGenerator
    ) {
        let size = 1 << Int(random.next() % 4)
        guard place + size <= bytes.count else { return }
        var value = pick(Self.interesting, &random) ?? 0
        if random.next() & 1 == 0 {
            // What is there, and a little more or less.
            value = 0
            for index in (0..<size).reversed() { value = value << 8 | UInt64(bytes[place + index]) }
            value = value &+ random.next() % 17 &- 8
        }
        for index in 0..<size {
            bytes[place + index] = UInt8(truncatingIfNeeded: value >> UInt64(8 * index))
        }
    }

    private func writeVarInt(
        _ bytes: inout [UInt8], _ place: Int, _ random: inout SeededGenerator
    ) {
        var value = pick(Self.interesting, &random) ?? 0
        var encoded: [UInt8] = []
        while value >= 0x80 {
            encoded.append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        encoded.append(UInt8(truncatingIfNeeded: value))
        // Now and then one that never ends.
        if random.next() % 8 == 0 { encoded = [UInt8](repeating: 0xff, count: 11) }
        let replaced = random.next() & 1 == 0 ? 0 : min(encoded.count, bytes.count - place)
        bytes.replaceSubrange(place..<(place + replaced), with: encoded)
    }

    /// Copies over, inserts again, removes or swaps a block.
    private func moveBlock(
        _ bytes: inout [UInt8], _ place: Int, _ random: inout SeededGenerator
    ) {
        let longest = UInt64(min(bytes.count - place, 256))
        let count = Int(1 + random.next() % longest)
        let block = Array(bytes[place..<(place + count)])
        let other = Int(random.next() % UInt64(bytes.count))
        let end = min(bytes.count, other + count)
        switch random.next() % 4 {
        case 0: bytes.replaceSubrange(other..<end, with: block.prefix(end - other))
        case 1: bytes.insert(contentsOf: block, at: other)
        case 2: bytes.removeSubrange(place..<(place + count))
        default:
            let second = Array(bytes[other..<end])
            bytes.replaceSubrange(other..<end, with: block.prefix(end - other))
            bytes.replaceSubrange(place..<(place + second.count), with: second)
        }
    }

    /// The start of this input and the end of another of the same purpose.
    private func splice(
        _ bytes: inout [UInt8], _ place: Int, _ base: Int, _ random: inout SeededGenerator
    ) {
        guard let other = pick(corpus, &random), other.purpose == corpus[base].purpose,
            !other.bytes.isEmpty
        else { return }
        let isAligned = random.next() & 1 == 0
        let start = isAligned ? place : Int(random.next() % UInt64(other.bytes.count))
        bytes.removeLast(bytes.count - place)
        if start < other.bytes.count { bytes += other.bytes[start...] }
    }

    private func pick<Element>(
        _ elements: [Element], _ random: inout SeededGenerator
    ) -> Element? {
        elements.isEmpty ? nil : elements[Int(random.next() % UInt64(elements.count))]
    }
}
