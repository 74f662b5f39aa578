import ApusCore
import ApusKernels
import Testing

/// 8-bit codes: what they keep of a vector, and that every instruction set computes the same.
@Suite("8-bit codes") struct CodeKernelTests {
    private static let metrics: [Metric] = [.euclid, .dot, .cosine]

    @Test(
        "Every instruction set gives the bits of the scalar one, at every length",
        arguments: DistanceKernelTests.levels, metrics)
    func levels(level: SIMDLevel, metric: Metric) throws {
        let kernel = try #require(CodeKernel(metric: metric, level: level))
        let scalar = try #require(CodeKernel(metric: metric, level: .scalar))
        for dimension in Array(1...130) + [191, 192, 193, 384, 1000] {
            let rows = (0..<11).map { noise(count: dimension, seed: UInt64($0)) }
            let codes = try Codes(rows)
            let query = noise(count: dimension, seed: 99)
            for count in [1, 3, 4, 5, 8, 11] {
                let ids = (0..<count).map { UInt32(($0 * 7 + 5) % 11) }
                let expected = codes.distances(query, to: ids, scalar)
                #expect(
                    codes.distances(query, to: ids, kernel) == expected,
                    "\(level) \(metric) dimension \(dimension)")
                #expect(
                    codes.distances(query, toRowsFrom: 0, count: count, kernel)
                        == codes.distances(query, to: (0..<count).map(UInt32.init), scalar))
            }
        }
    }

    @Test("A component is off by half a step at most")
    func error() throws {
        for (seed, scale) in [(UInt64(1), Float(1)), (2, 1e-20), (3, 1e20), (4, 300)] {
            let vector = noise(count: 100, seed: seed).map { $0 * scale }
            let codes = try Codes([vector])
            let low = try #require(vector.min())
            let step = (try #require(vector.max()) - low) / 255
            let decoded = codes.arena.space.vector(at: 0)
            for (kept, original) in zip(decoded, vector) {
                #expect(abs(kept - original) <= step * 0.5001 + abs(original) * 1e-6)
            }
        }
    }

    @Test("Whole numbers up to 255 apart are kept exactly, and so are their L2 distances")
    func wholeNumbers() throws {
        var generator = SplitMix(seed: 7)
        for low in [0, -100, 40] {
            let vectors = (0..<20).map { _ in
                (0..<128).map { _ in Float(low + Int(generator.next() % 256)) }
            }
            let codes = try Codes(Array(vectors.dropFirst()))
            let kernel = try #require(CodeKernel(metric: .euclid))
            for (row, vector) in vectors.dropFirst().enumerated() {
                #expect(codes.arena.space.vector(at: row) == vector)
                let exact = zip(vector, vectors[0]).reduce(0) { sum, pair in
                    sum + (pair.0 - pair.1) * (pair.0 - pair.1)
                }
                let found = codes.distances(vectors[0], to: [UInt32(row)], kernel)
                // Sums above 2^24 are rounded on the way.
                #expect(abs(found[0] - exact) <= 8)
            }
        }
    }

    @Test("Distances are near the true ones", arguments: metrics)
    func accuracy(metric: Metric) throws {
        let exact = DistanceKernel(metric: metric)
        let vectors = (0..<50).map { exact.prepare(noise(count: 256, seed: UInt64($0 + 1))) }
        let codes = try Codes(vectors)
        let kernel = try #require(CodeKernel(metric: metric))
        let query = vectors[0]
        let found = codes.distances(query, to: (0..<50).map(UInt32.init), kernel)
        let length = query.reduce(0) { $0 + $1 * $1 }
        for (vector, distance) in zip(vectors, found) {
            let truth = unsafe exact.distance(query, vector, dimension: 256)
            #expect(abs(distance - truth) <= 0.005 * max(1, length), "\(metric)")
        }
    }

    @Test("A row as a query is the row's own vector", arguments: metrics)
    func rowAsQuery(metric: Metric) throws {
        let vectors = (0..<6).map { noise(count: 77, seed: UInt64($0)) }
        let codes = try Codes(vectors)
        let decoded = try Codes(vectors.indices.map { codes.arena.space.vector(at: $0) })
        let kernel = try #require(CodeKernel(metric: metric))
        for row in vectors.indices {
            let asRow = codes.distances(fromRow: row, to: [0, 1, 2, 3, 4, 5], kernel)
            let asVector = decoded.distances(
                decoded.arena.space.vector(at: row), to: [0, 1, 2, 3, 4, 5], kernel)
            for (left, right) in zip(asRow, asVector) { #expect(abs(left - right) <= 0.02) }
            if metric == .euclid { #expect(asRow[row] <= 1e-3) }
        }
    }

    @Test("Vectors without a range, and the largest sums, overflow nothing")
    func extremes() throws {
        let dimension = 65_536
        let low = [Float](repeating: 0, count: dimension)
        var high = [Float](repeating: 255, count: dimension)
        high[0] = 0
        let zero = [Float](repeating: 0, count: dimension)
        let huge = (0..<dimension).map { Float($0 % 2 == 0 ? 3e38 : -3e38) }
        let codes = try Codes([low, high, zero, huge])
        for level in DistanceKernelTests.levels {
            let kernel = try #require(CodeKernel(metric: .euclid, level: level))
            let found = codes.distances(high, to: [0, 1, 2], kernel)
            #expect(abs(found[0] - 65_535 * 65_025) <= 65_535 * 65_025 * 1e-5)
            #expect(found[1] <= 65_535)
            #expect(found[2] == found[0])
            #expect(codes.distances(low, to: [2], kernel) == [0])
        }
    }

    @Test("There are no codes for distances that do not follow from products")
    func manhattan() { #expect(CodeKernel(metric: .manhattan) == nil) }

    @Test("A row is recognised by its vector, to the bit")
    func comparison() throws {
        var vector = noise(count: 50, seed: 3)
        let codes = try Codes([vector])
        #expect(unsafe codes.arena.space.hasRow(0, of: vector))
        vector[7] += 0.2
        #expect(unsafe !codes.arena.space.hasRow(0, of: vector))
    }

    @Test("A section is taken for rows only in its right size")
    func sections() throws {
        let codes = try Codes([noise(count: 30, seed: 1), noise(count: 30, seed: 2)])
        unsafe codes.arena.withBytes(count: 2) { bytes in
            #expect(bytes.count == 2 * 48)
            let space = unsafe CodeSpace(section: bytes, dimension: 30, count: 2)
            #expect(space?.vector(at: 1) == codes.arena.space.vector(at: 1))
            #expect(unsafe CodeSpace(section: bytes, dimension: 30, count: 3) == nil)
            #expect(unsafe CodeSpace(section: bytes, dimension: 30, count: .max) == nil)
            #expect(unsafe CodeSpace(section: bytes, dimension: 60, count: 2) == nil)
            #expect(unsafe CodeSpace(section: bytes, dimension: 0, count: 2) == nil)
        }
    }
}

/// Vectors as rows of codes.
private struct Codes {
    let arena: CodeArena

    init(_ vectors: [[Float]]) throws {
        arena = try CodeArena(dimension: vectors[0].count, capacity: vectors.count)
        for (row, vector) in vectors.enumerated() { unsafe arena.store(vector, at: row) }
    }

    func distances(_ query: [Float], to ids: [UInt32], _ kernel: CodeKernel) -> [Float] {
        withQuery(query) { query in
            unsafe results(ids.count) { distances in
                unsafe kernel.distances(
                    from: query, to: ids, count: ids.count, in: arena.space, into: distances)
            }
        }
    }

    func distances(
        _ query: [Float], toRowsFrom start: Int, count: Int, _ kernel: CodeKernel
    ) -> [Float] {
        withQuery(query) { query in
            unsafe results(count) { distances in
                unsafe kernel.distances(
                    from: query, toRowsFrom: start, count: count, in: arena.space,
                    into: distances)
            }
        }
    }

    func distances(fromRow row: Int, to ids: [UInt32], _ kernel: CodeKernel) -> [Float] {
        unsafe withMemory { memory in
            let query = unsafe CodeQuery(row: row, of: arena.space, codes: memory)
            return unsafe results(ids.count) { distances in
                unsafe kernel.distances(
                    from: query, to: ids, count: ids.count, in: arena.space, into: distances)
            }
        }
    }

    private func withQuery<R>(_ vector: [Float], _ body: (CodeQuery) -> R) -> R {
        unsafe withMemory { memory in
            unsafe vector.withUnsafeBufferPointer { floats in
                guard let start = floats.baseAddress else { preconditionFailure("no floats") }
                return body(unsafe CodeQuery(start, dimension: vector.count, codes: memory))
            }
        }
    }

    private func withMemory<R>(_ body: (UnsafeMutablePointer<Int8>) -> R) -> R {
        let memory = UnsafeMutablePointer<Int8>.allocate(
            capacity: CodeQuery.byteCount(dimension: arena.space.dimension))
        defer { unsafe memory.deallocate() }
        return unsafe body(memory)
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

private struct SplitMix {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        let value = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        return value ^ (value >> 27)
    }
}
