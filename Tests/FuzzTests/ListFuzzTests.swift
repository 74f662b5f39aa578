import ApusCore
import ApusIndex
import ApusKernels
import TestSupport
import Testing

/// Sections of IVF-PQ indexes, and recall curves.
@Suite("Fuzzing lists and curves") struct ListFuzzTests {
    private static let rowCount = 70
    private static let dimension = 5

    private static func arena() throws -> VectorArena {
        var random = SeededGenerator(seed: 7)
        let arena = try VectorArena(dimension: dimension, capacity: rowCount)
        for row in 0..<rowCount {
            arena.store(
                (0..<dimension).map { _ in Float.random(in: -1...1, using: &random) }, at: row)
        }
        return arena
    }

    private static func samples(_ pool: WorkerPool) throws -> [FuzzInput] {
        let arena = try arena()
        var inputs: [FuzzInput] = []
        for (bits, metric, rows, spills) in [
            (4, Metric.euclid, rowCount, false), (4, .cosine, 33, false), (8, .euclid, 12, false),
            (8, .dot, 0, false), (4, .euclid, rowCount, true), (8, .dot, 40, true),
        ] {
            let parameters = IVFParameters(
                listCount: 3, partCount: 4, bits: bits, spills: spills, vectorCount: rows,
                metric: metric, dimension: dimension)
            let quantizer = IVFQuantizer.trained(
                parameters, on: Array(0..<UInt32(rows)), of: arena.space, pool: pool)
            let index = try IVFIndex.build(
                quantizer, vectors: arena.space, rowCount: rows, owner: arena, pool: pool)
            inputs.append(
                FuzzInput(
                    name: "ivf~\(bits)-\(metric)-\(rows)\(spills ? "-spilled" : "")",
                    bytes: joined(of: index)))
        }
        return inputs
    }

    /// All sections: the length of each as u32, then the sections.
    private static func joined(of index: IVFIndex) -> [UInt8] {
        var lengths = ByteWriter()
        var sections = ByteWriter()
        unsafe index.withEncodedSections { _, bytes in
            lengths.write(UInt32(bytes.count))
            unsafe sections.write(bytes: bytes)
        }
        return lengths.bytes + sections.bytes
    }

    @Test("Lists in segment files") func lists() async throws {
        let pool = WorkerPool(name: "fuzz", threadCount: 1)
        defer { pool.shutdown() }
        let arena = try Self.arena()
        let queries: [[Float]] = [
            [0, 0, 0, 0, 0], [1, -1, 0.5, 3e38, 0], [.infinity, .nan, -1, 0, 0],
        ]
        try await fuzz(
            FuzzTarget(
                name: "ivf", samples: { try Self.samples(pool) },
                run: { input in
                    let sections = SplitSections<IVFFormat.Section>(input.bytes)
                    return try refusing(with: MalformedBytes.self) {
                        for isInMemory in [false, true] {
                            let index = unsafe try IVFIndex.open(
                                sections: sections.buffers, vectors: arena.space,
                                vectorCount: Self.rowCount, isInMemory: isInMemory,
                                owner: sections)
                            for query in queries {
                                let found = index.search(query, k: 5, probes: 2, candidates: 9)
                                try expect(
                                    found.allSatisfy { $0.ordinal < Self.rowCount },
                                    "a row that is not there was found")
                            }
                            _ = index.checkInvariants()
                        }
                    }
                }))
    }

    @Test("Recall curves in segment files") func curves() async throws {
        try await fuzz(
            FuzzTarget(
                name: "recall",
                samples: {
                    let walks = [RecallCurve.Effort.candidates, .expansions].map { effort in
                        RecallCurve(
                            effort,
                            points: [10, 32, 128].map { ef in
                                RecallCurve.Point(
                                    ef: ef,
                                    recalls: RecallCurve.limits.filter { $0 <= ef }
                                        .map { 1 - Double($0) / Double(4 * ef) })
                            }, sampleCount: 512)
                    }
                    let probes = RecallCurve(
                        .probes,
                        points: [1, 8].map { count in
                            RecallCurve.Point(
                                ef: count, recalls: RecallCurve.commonLimits.map { _ in 0.9 })
                        }, sampleCount: 100)
                    return [
                        FuzzInput(name: "recall~lists", bytes: walks[0].encoded()),
                        FuzzInput(name: "recall~walks", bytes: walks[1].encoded()),
                        FuzzInput(name: "recall~probes", bytes: probes.encoded()),
                        FuzzInput(
                            name: "recall~none",
                            bytes: RecallCurve(.expansions, points: [], sampleCount: 0).encoded()),
                    ]
                },
                run: { input in
                    try unsafe input.bytes.withUnsafeBytes { buffer in
                        try refusing(with: MalformedBytes.self) {
                            let curve = try unsafe RecallCurve(buffer)
                            for k in [1, 7, 10, 1000] {
                                try expect(
                                    (0...1).contains(curve.recall(ef: 40, k: k)),
                                    "a recall that cannot be")
                                _ = curve.ef(reaching: 0.95, k: k)
                            }
                        }
                    }
                }))
    }
}
