import ApusCore
import ApusIndex
import ApusKernels
import TestSupport
import Testing

/// Sections of RaBitQ codes.
@Suite("Fuzzing codes") struct CodeFuzzTests {
    private static let rowCount = 12
    private static let dimension = 70

    private static func arena() throws -> VectorArena {
        var random = SeededGenerator(seed: 9)
        let arena = try VectorArena(dimension: dimension, capacity: rowCount)
        for row in 0..<rowCount {
            arena.store(
                (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }, at: row)
        }
        return arena
    }

    private static let kinds: [(bits: RaBitQBits, metric: Metric)] = [
        (.one, .euclid), (.two, .cosine), (.four, .dot),
    ]

    private static func name(_ bits: RaBitQBits, _ metric: Metric) -> String {
        "rabitq~\(bits.rawValue)-\(metric)"
    }

    @Test("RaBitQ codes in segment files") func codes() async throws {
        let pool = WorkerPool(name: "fuzz", threadCount: 1)
        defer { pool.shutdown() }
        let arena = try Self.arena()
        let graph = try HNSWIndex(
            parameters: HNSWParameters(
                m: 4, efConstruct: 16, metric: .euclid, dimension: Self.dimension),
            vectors: arena.space, capacity: Self.rowCount, owner: arena)
        graph.insert(upTo: Self.rowCount, finish: true, pool: pool)
        let queries: [[Float]] = [0, 1, .infinity, .nan].map {
            [Float](repeating: $0, count: Self.dimension)
        }
        try await fuzz(
            FuzzTarget(
                name: "rabitq",
                samples: {
                    try Self.kinds.map { bits, metric in
                        let coded = try RaBitQArena.coding(
                            arena.space, rowCount: Self.rowCount, bits: bits, metric: metric,
                            isPresent: { _ in true }, pool: nil)
                        return FuzzInput(
                            name: Self.name(bits, metric),
                            bytes: unsafe coded.withBytes { unsafe Array($0) })
                    }
                },
                run: { input in
                    let bytes = AlignedBytes(input.bytes)
                    return try refusing(with: MalformedBytes.self) {
                        // The bits are what the segment's description says.
                        let byte = input.bytes.dropFirst(4).first
                        let kind = Self.kinds.first { byte == UInt8($0.bits.rawValue) }
                        let (bits, metric) = kind ?? Self.kinds[0]
                        let space = unsafe try RaBitQSpace(
                            section: bytes.buffer, dimension: Self.dimension, bits: bits,
                            metric: metric, count: Self.rowCount)
                        let index = graph.searched(by: .rabitq(space), owner: bytes)
                        for query in queries {
                            for rescoring in [Rescoring.asNeeded, .nearest(3), .never] {
                                let found =
                                    index.search(query, k: 5, ef: 12, rescoring: rescoring)
                                    + index.scan(
                                        query, range: 0..<Self.rowCount, k: 5, candidates: 8,
                                        rescoring: rescoring)
                                try expect(
                                    found.allSatisfy { $0.ordinal < Self.rowCount },
                                    "a row that is not there was found")
                            }
                        }
                        _ = index.firstRowWithOtherCodes()
                    }
                }))
    }
}

/// Bytes aligned as in a mapped file.
@safe private final class AlignedBytes: @unchecked Sendable {
    // Sendable: written in init only.
    let buffer: UnsafeRawBufferPointer

    init(_ bytes: [UInt8]) {
        let place = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
        unsafe place.copyBytes(from: bytes)
        unsafe buffer = UnsafeRawBufferPointer(place)
    }

    deinit { unsafe buffer.deallocate() }
}
