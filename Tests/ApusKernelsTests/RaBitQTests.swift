import ApusCore
import ApusKernels
import Testing

/// Codes of one, two and four bits: what they estimate, how well, and that every instruction set
/// computes the same.
@Suite("RaBitQ codes") struct RaBitQTests {
    private static let metrics: [Metric] = [.euclid, .dot, .cosine]

    @Test(
        "Every instruction set gives the bits of the scalar one, at every length",
        arguments: DistanceKernelTests.levels, RaBitQBits.allCases)
    func levels(level: SIMDLevel, bits: RaBitQBits) throws {
        let kernel = RaBitQKernel(bits: bits, level: level)
        let scalar = RaBitQKernel(bits: bits, level: .scalar)
        for dimension in Array(1...130) + [191, 192, 193, 384, 511, 512, 513, 1000] {
            let rows = (0..<11).map { noise(count: dimension, seed: UInt64($0)) }
            let codes = try Coded(rows, bits: bits, metric: .euclid)
            let query = noise(count: dimension, seed: 99)
            for count in [1, 3, 4, 5, 8, 11] {
                let ids = (0..<count).map { UInt32(($0 * 7 + 5) % 11) }
                #expect(
                    codes.distances(query, to: ids, kernel)
                        == codes.distances(query, to: ids, scalar),
                    "\(level) \(bits) dimension \(dimension)")
                #expect(
                    codes.distances(query, toRowsFrom: 0, count: count, kernel)
                        == codes.distances(query, to: (0..<count).map(UInt32.init), scalar))
            }
        }
    }

    @Test("Long rows do not overflow", arguments: RaBitQBits.allCases)
    func longRows(bits: RaBitQBits) throws {
        let dimension = 65_536
        let vector = noise(count: dimension, seed: 1)
        let codes = try Coded([vector, vector.map { -$0 }], bits: bits, metric: .dot)
        let scalar = codes.distances(vector, to: [0, 1], RaBitQKernel(bits: bits, level: .scalar))
        let square = vector.reduce(0) { $0 + $1 * $1 }
        #expect(abs(scalar[0] + square) < square * 0.05)
        #expect(abs(scalar[1] - square) < square * 0.05)
        for level in DistanceKernelTests.levels {
            let found = codes.distances(vector, to: [0, 1], RaBitQKernel(bits: bits, level: level))
            #expect(found == scalar, "\(level)")
        }
    }

    /// Section 3.2 of the paper: the mean of the error is zero, and its standard deviation what the
    /// row says.
    @Test(
        "Estimates are unbiased, and as far off as their rows say",
        arguments: RaBitQBits.allCases, metrics)
    func errors(bits: RaBitQBits, metric: Metric) throws {
        let exact = DistanceKernel(metric: metric)
        for dimension in [96, 128, 384] {
            let vectors = (0..<300).map { seed in
                exact.prepare(noise(count: dimension, seed: UInt64(seed + 1)).map { $0 + 0.2 })
            }
            let codes = try Coded(vectors, bits: bits, metric: metric)
            let kernel = RaBitQKernel(bits: bits)
            var sum = 0.0
            var squares = 0.0
            var beyond = 0
            var count = 0.0
            for query in vectors.prefix(40).map({ $0.map { $0 * 0.9 + 0.01 } }) {
                let found = codes.distances(
                    query, to: (0..<UInt32(vectors.count)).map { $0 }, kernel)
                let length = codes.length(of: query)
                for (row, estimate) in found.enumerated() {
                    let truth = unsafe exact.distance(query, vectors[row], dimension: dimension)
                    let deviation = codes.arena.space.error(of: UInt32(row)) * length
                    let error = Double((estimate - truth) / deviation)
                    sum += error
                    squares += error * error
                    if abs(error) > 3 { beyond += 1 }
                    count += 1
                }
            }
            let comment: Comment = "\(bits) \(metric) \(dimension)"
            #expect(abs(sum / count) < 0.1, comment)
            let deviation = (squares / count).squareRoot()
            #expect((0.8...1.2).contains(deviation), "\(bits) \(metric) \(dimension): \(deviation)")
            #expect(Double(beyond) / count < 0.01, comment)
        }
    }

    @Test("More bits mean smaller errors")
    func moreBits() throws {
        let vectors = (0..<100).map { noise(count: 128, seed: UInt64($0)) }
        let errors: [Float] = try RaBitQBits.allCases.map { bits in
            let arena = try Coded(vectors, bits: bits, metric: .euclid).arena
            return withExtendedLifetime(arena) {
                (0..<100).reduce(0) { $0 + arena.space.error(of: UInt32($1)) }
            }
        }
        #expect(errors[1] < errors[0] * 0.6 && errors[2] < errors[1] * 0.4, "\(errors)")
    }

    @Test("The same vectors give the same bytes, which a check of a row recognises")
    func determinism() throws {
        let vectors = (0..<9).map { noise(count: 100, seed: UInt64($0)) }
        for bits in RaBitQBits.allCases {
            let first = try Coded(vectors, bits: bits, metric: .dot)
            let second = try Coded(vectors, bits: bits, metric: .dot)
            #expect(first.section == second.section)
            #expect(first.checksum == Self.checksums[bits], "\(bits)")
            for (row, var vector) in vectors.enumerated() {
                #expect(unsafe first.arena.space.hasRow(row, of: vector))
                vector[3] += 0.5
                #expect(unsafe !first.arena.space.hasRow(row, of: vector))
            }
        }
    }

    /// What every machine makes of the same vectors.
    private static let checksums: [RaBitQBits: UInt32] = [
        .one: 3_450_316_477, .two: 3_165_787_886, .four: 1_023_858_200,
    ]

    @Test("Vectors without a direction have estimates all the same", arguments: RaBitQBits.allCases)
    func degenerate(bits: RaBitQBits) throws {
        let zero = [Float](repeating: 0, count: 70)
        let huge = (0..<70).map { Float($0 % 2 == 0 ? 3e38 : -3e38) }
        let small = [Float](repeating: 1e-30, count: 70)
        let codes = try Coded(
            [zero, zero, small, huge], bits: bits, metric: .euclid, centroid: zero)
        for level in DistanceKernelTests.levels {
            let kernel = RaBitQKernel(bits: bits, level: level)
            #expect(codes.distances(zero, to: [0, 1, 2], kernel) == [0, 0, 0])
            let one = [Float](repeating: 1, count: 70)
            #expect(codes.distances(one, to: [0], kernel) == [70])
            _ = codes.distances(huge, to: [0, 1, 2, 3], kernel)
        }
    }

    @Test("A section is taken only as it was written")
    func sections() throws {
        let vectors = (0..<5).map { noise(count: 70, seed: UInt64($0)) }
        let codes = try Coded(vectors, bits: .two, metric: .euclid)
        let bytes = codes.section
        func opened(
            _ bytes: [UInt8], dimension: Int = 70, bits: RaBitQBits = .two,
            metric: Metric = .euclid, count: Int = 5
        ) throws {
            let place = UnsafeMutableRawBufferPointer.allocate(
                byteCount: bytes.count, alignment: 64)
            defer { unsafe place.deallocate() }
            unsafe place.copyBytes(from: bytes)
            let space = unsafe try RaBitQSpace(
                section: UnsafeRawBufferPointer(place), dimension: dimension, bits: bits,
                metric: metric, count: count)
            #expect(unsafe space.hasRow(4, of: vectors[4]))
        }
        try opened(bytes)
        #expect(throws: MalformedBytes.self) { try opened(bytes, dimension: 71) }
        #expect(throws: MalformedBytes.self) { try opened(bytes, bits: .one) }
        #expect(throws: MalformedBytes.self) { try opened(bytes, metric: .dot) }
        #expect(throws: MalformedBytes.self) { try opened(bytes, metric: .manhattan) }
        #expect(throws: MalformedBytes.self) { try opened(bytes, count: 4) }
        #expect(throws: MalformedBytes.self) { try opened(bytes, count: .max) }
        #expect(throws: MalformedBytes.self) { try opened(bytes.dropLast()) }
        #expect(throws: MalformedBytes.self) { try opened([]) }
        var other = bytes
        other[0] = 2
        do {
            try opened(other)
            Issue.record("a later version was taken")
        } catch let error as MalformedBytes {
            #expect(error.isNewerFormat)
        }
        // The centroid's first component, as NaN; and one behind its last.
        other = bytes
        for offset in 64..<68 { other[offset] = 0xff }
        #expect(throws: MalformedBytes.self) { try opened(other) }
        other = bytes
        other[64 + 71 * 4] = 1
        #expect(throws: MalformedBytes.self) { try opened(other) }
    }
}

/// Vectors in codes, less their mean unless told otherwise.
private struct Coded {
    let arena: RaBitQArena

    init(
        _ vectors: [[Float]], bits: RaBitQBits, metric: Metric, centroid: [Float]? = nil
    ) throws {
        let dimension = vectors[0].count
        let space = try VectorArena(dimension: dimension, capacity: vectors.count)
        for (row, vector) in vectors.enumerated() { space.store(vector, at: row) }
        let mean = (0..<dimension).map { index in
            vectors.reduce(0) { $0 + $1[index] } / Float(vectors.count)
        }
        arena = try RaBitQArena(
            capacity: vectors.count, bits: bits, metric: metric, centroid: centroid ?? mean)
        arena.store(0..<vectors.count, of: space.space)
    }

    var section: [UInt8] { unsafe arena.withBytes { unsafe Array($0) } }
    var checksum: UInt32 { unsafe arena.withBytes { unsafe CRC32C.checksum($0) } }

    func length(of query: [Float]) -> Float { withQuery(query) { $0.length } }

    func distances(_ query: [Float], to ids: [UInt32], _ kernel: RaBitQKernel) -> [Float] {
        withQuery(query) { query in
            unsafe results(ids.count) { distances in
                unsafe kernel.distances(
                    from: query, to: ids, count: ids.count, in: arena.space, into: distances)
            }
        }
    }

    func distances(
        _ query: [Float], toRowsFrom start: Int, count: Int, _ kernel: RaBitQKernel
    ) -> [Float] {
        withQuery(query) { query in
            unsafe results(count) { distances in
                unsafe kernel.distances(
                    from: query, toRowsFrom: start, count: count, in: arena.space,
                    into: distances)
            }
        }
    }

    private func withQuery<R>(_ vector: [Float], _ body: (RaBitQQuery) -> R) -> R {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: RaBitQQuery.byteCount(dimension: arena.space.dimension), alignment: 64)
        defer { unsafe memory.deallocate() }
        return unsafe vector.withUnsafeBufferPointer { floats in
            guard let start = floats.baseAddress else { preconditionFailure("no floats") }
            return body(unsafe RaBitQQuery(start, of: arena.space, memory: memory))
        }
    }

    private func results(
        _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void
    ) -> [Float] {
        unsafe [Float](unsafeUninitializedCapacity: count) { buffer, written in
            guard let start = buffer.baseAddress else { return }
            unsafe body(start)
            written = count
        }
    }
}
