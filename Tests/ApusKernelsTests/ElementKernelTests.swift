import ApusCore
import ApusKernels
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Halves and bytes: what is kept of a vector, and that every instruction set computes the same.
@Suite("Kernels of halves and bytes") struct ElementKernelTests {
    static let levels = DistanceKernelTests.levels
    static let metrics = DistanceKernelTests.metrics
    private static let lengths = Array(1...130) + [191, 192, 193, 384, 1000]

    @Test(
        "Bytes have the same bits in every instruction set, in every form, at every length",
        arguments: levels, metrics)
    func bytes(level: SIMDLevel, metric: Metric) throws {
        let kernel = DistanceKernel(metric: metric, element: .uint8, level: level)
        for length in Self.lengths {
            let rows = (0..<11).map { bytes(count: length, seed: UInt64($0)) }
            let space = try Rows(rows, .uint8)
            let query = bytes(count: length, seed: 99)
            let expected = rows.map { Self.distance(query, $0, metric) }
            for count in [1, 3, 4, 5, 8, 11] {
                let ids = (0..<count).map { UInt32(($0 * 7 + 5) % 11) }
                #expect(
                    space.distances(kernel, query, to: ids) == ids.map { expected[Int($0)] },
                    "\(level) \(metric) length \(length)")
                #expect(
                    space.distances(kernel, query, first: count) == Array(expected.prefix(count)))
            }
            #expect(kernel.distance(query, rows[0]) == expected[0])
        }
    }

    @Test("Halves have the bits of the floats that they stand for", arguments: levels, metrics)
    func halves(level: SIMDLevel, metric: Metric) throws {
        let kernel = DistanceKernel(metric: metric, element: .float16, level: level)
        let floats = DistanceKernel(metric: metric, level: level)
        for length in Self.lengths {
            let rows = (0..<11).map {
                VectorElement.float16.rounded(noise(count: length, seed: UInt64($0)))
            }
            let space = try Rows(rows, .float16)
            let asFloats = try Rows(rows, .float32)
            let query = VectorElement.float16.rounded(noise(count: length, seed: 99))
            for count in [1, 3, 4, 5, 8, 11] {
                let ids = (0..<count).map { UInt32(($0 * 7 + 5) % 11) }
                let expected = asFloats.distances(floats, query, to: ids)
                #expect(
                    space.distances(kernel, query, to: ids) == expected,
                    "\(level) \(metric) length \(length)")
                #expect(
                    space.distances(kernel, query, first: count)
                        == asFloats.distances(floats, query, first: count))
                #expect(kernel.distance(query, rows[Int(ids[0])]) == expected[0])
            }
        }
    }

    @Test("No form reads behind the vector", arguments: levels, [VectorElement.float16, .uint8])
    func ends(level: SIMDLevel, element: VectorElement) throws {
        // The vectors end where a page that cannot be read begins.
        let page = Int(getpagesize())
        let flags = MAP_PRIVATE | MAP_ANON
        let mapping = unsafe mmap(nil, 2 * page, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let pages = unsafe mapping, unsafe pages != MAP_FAILED else {
            Issue.record("no memory")
            return
        }
        defer { unsafe munmap(pages, 2 * page) }
        try #require(unsafe mprotect(pages + page, page, PROT_NONE) == 0)
        for metric in Self.metrics {
            let kernel = DistanceKernel(metric: metric, element: element, level: level)
            for length in 1...130 {
                let vector = unsafe UnsafeRawPointer(pages + page - length * element.byteCount)
                unsafe #expect(kernel.distance(vector, vector, dimension: length).isFinite)
                let space = unsafe VectorSpace(base: vector, dimension: length, element: element)
                let ids = [UInt32](repeating: 0, count: 5)
                var distances = [Float](repeating: .nan, count: 5)
                unsafe kernel.distances(
                    from: vector, to: ids, count: 5, in: space, into: &distances)
                #expect(distances.allSatisfy { $0.isFinite })
            }
        }
    }

    @Test("The longest vectors of the greatest bytes overflow nothing", arguments: levels)
    func greatest(level: SIMDLevel) throws {
        let dimension = 65_536
        let high = [Float](repeating: 255, count: dimension)
        let low = [Float](repeating: 0, count: dimension)
        let square = Float(255 * 255 * dimension)
        func distance(_ metric: Metric, _ left: [Float], _ right: [Float]) -> Float {
            DistanceKernel(metric: metric, element: .uint8, level: level).distance(left, right)
        }
        #expect(distance(.dot, high, high) == -square)
        #expect(distance(.euclid, high, low) == square)
        #expect(distance(.manhattan, high, low) == Float(255 * dimension))
        #expect(distance(.cosine, high, high) == -1)
        #expect(distance(.cosine, high, low) == 0)
    }

    @Test("Halves are the nearest ones, even of two, and never infinite")
    func roundingToHalves() {
        let cases: [(Float, Float)] = [
            (1, 1), (-2.5, -2.5), (0, 0), (65504, 65504), (65519.996, 65504), (1e6, 65504),
            (-.infinity, -65504),
            // 11 bits of precision: halfway goes to the even neighbour.
            (2049, 2048), (2051, 2052), (2049.01, 2050),
            // The smallest normal one, the smallest of all, half of it, and a little more.
            (0x1p-14, 0x1p-14), (0x1p-24, 0x1p-24), (0x1p-25, 0), (0x1.01p-25, 0x1p-24),
            (0x1.8p-24, 0x1p-23), (0.1, 0.099975586),
        ]
        for (float, half) in cases {
            #expect(VectorElement.float16.rounded([float]) == [half], "\(float)")
        }
        #expect(VectorElement.float16.rounded([-0.0])[0].sign == .minus)
        #expect(VectorElement.float16.rounded([.nan])[0].isNaN)
        for bits in UInt16.min...UInt16.max {
            let exponent = Int(bits >> 10 & 31), fraction = Float(bits & 1023)
            guard exponent < 31 else { continue }
            var value =
                exponent == 0
                ? fraction * 0x1p-24
                : (1 + fraction / 1024)
                    * Float(sign: .plus, exponent: exponent - 15, significand: 1)
            if bits >> 15 == 1 { value = -value }
            #expect(VectorElement.float16.rounded([value]) == [value], "\(bits)")
        }
    }

    @Test("Bytes keep whole numbers from 0 to 255, and the nearest of them of others")
    func roundingToBytes() {
        let floats: [Float] = [0, 1, 254.9, 255, 300, -1, 0.9, .infinity, -.infinity, .nan, 1e30]
        #expect(
            VectorElement.uint8.rounded(floats) == [0, 1, 254, 255, 255, 0, 0, 255, 0, 0, 255])
    }

    @Test("Rows start on cache lines, or do not cross one")
    func strides() {
        for element in VectorElement.allCases {
            for dimension in 1...300 {
                let bytes = VectorSpace.rowByteCount(dimension: dimension, element)
                #expect(bytes >= dimension * element.byteCount)
                #expect(bytes % 64 == 0 || 64 % bytes == 0, "\(element) \(dimension)")
                #expect(
                    bytes < 2 * max(dimension * element.byteCount, 1)
                        || bytes - dimension * element.byteCount < 64)
            }
        }
    }

    @Test("A section is refused that is too short for its rows, or lies askew")
    func sections() {
        unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 64) { memory in
            func space(_ offset: Int, _ count: Int, _ element: VectorElement) -> VectorSpace? {
                unsafe VectorSpace(
                    section: UnsafeRawBufferPointer(rebasing: memory[offset..<offset + 1024]),
                    dimension: 100, element: element, count: count)
            }
            // Rows of 128 bytes, and of 256.
            #expect(space(0, 8, .uint8) != nil)
            #expect(space(0, 9, .uint8) == nil)
            #expect(space(0, 4, .float16) != nil)
            #expect(space(0, 5, .float16) == nil)
            #expect(space(1, 4, .float16) == nil)
            #expect(space(1, 8, .uint8) != nil)
        }
    }

    @Test("Bytes are normalised for what needs floats, and only there")
    func floatsOfBytes() throws {
        let space = try Rows([[3, 4, 0], [0, 0, 0]], .uint8).arena.space
        func floats(_ row: Int, _ metric: Metric) -> [Float] {
            unsafe space.withFloats(row..<row + 1, under: metric) { floats, _ in
                unsafe Array(UnsafeBufferPointer(start: floats, count: 3))
            }
        }
        #expect(floats(0, .dot) == [3, 4, 0])
        #expect(floats(0, .cosine) == [0.6, 0.8, 0])
        #expect(floats(1, .cosine) == [0, 0, 0])
        #expect(space.vector(at: 0) == [3, 4, 0])
        let kernel = DistanceKernel(metric: .cosine, element: .uint8)
        #expect(kernel.prepare([30.5, 40, 0]) == [30, 40, 0])
        #expect(abs(kernel.distance([30, 40, 0], [3, 4, 0]) + 1) < 1e-7)
    }

    /// Slowly, in whole numbers.
    private static func distance(_ left: [Float], _ right: [Float], _ metric: Metric) -> Float {
        func sum(_ term: (Int, Int) -> Int) -> Int {
            zip(left, right).reduce(0) { $0 + term(Int($1.0), Int($1.1)) }
        }
        switch metric {
        case .dot: return -Float(sum(*))
        case .euclid: return Float(sum { ($0 - $1) * ($0 - $1) })
        case .manhattan: return Float(sum { abs($0 - $1) })
        case .cosine:
            let lengths = Double(sum { a, _ in a * a }) * Double(sum { _, b in b * b })
            return lengths == 0 ? 0 : Float(-(Double(sum(*)) / lengths.squareRoot()))
        }
    }

    private func bytes(count: Int, seed: UInt64) -> [Float] {
        noise(count: count, seed: seed).map { (($0 + 1) * 127.5).rounded(.down) }
    }

    /// Rows of one element.
    private struct Rows {
        let arena: VectorArena

        init(_ rows: [[Float]], _ element: VectorElement) throws {
            arena = try VectorArena(
                dimension: rows[0].count, element: element, capacity: rows.count)
            for (index, row) in rows.enumerated() { arena.store(row, at: index) }
        }

        func distances(
            _ kernel: DistanceKernel, _ query: [Float], to ids: [UInt32]
        ) -> [Float] {
            var distances = [Float](repeating: .nan, count: ids.count)
            unsafe kernel.withForms(of: query) { _, row in
                unsafe kernel.distances(
                    from: row, to: ids, count: ids.count, in: arena.space, into: &distances)
            }
            return distances
        }

        func distances(_ kernel: DistanceKernel, _ query: [Float], first count: Int) -> [Float] {
            var distances = [Float](repeating: .nan, count: count)
            unsafe kernel.withForms(of: query) { _, row in
                unsafe kernel.distances(
                    from: row, toRowsFrom: 0, count: count, in: arena.space, into: &distances)
            }
            return distances
        }
    }
}
