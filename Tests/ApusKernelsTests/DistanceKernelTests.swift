import ApusCore
import ApusKernels
import Testing

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Every instruction set that this machine has, held against the scalar one.
@Suite struct DistanceKernelTests {
    static let levels = SIMDLevel.allCases.filter(\.isSupported)
    static let metrics: [Metric] = [.euclid, .dot, .manhattan, .cosine]

    @Test(arguments: levels, metrics)
    func distancesAgreeWithTheScalarOnesAtEveryLengthAndAlignment(level: SIMDLevel, metric: Metric)
    {
        let kernel = DistanceKernel(metric: metric, level: level)
        let scalar = DistanceKernel(metric: metric, level: .scalar)
        let left = noise(count: 140, seed: 1)
        let right = noise(count: 140, seed: 2)
        for length in 0...130 {
            for (first, second) in [(0, 0), (1, 0), (0, 3), (5, 7)] {
                unsafe left.withUnsafeBufferPointer { left in
                    unsafe right.withUnsafeBufferPointer { right in
                        guard let left = left.baseAddress, let right = right.baseAddress else {
                            return
                        }
                        let found = unsafe kernel.distance(
                            left + first, right + second, dimension: length)
                        let expected = unsafe scalar.distance(
                            left + first, right + second, dimension: length)
                        #expect(
                            abs(found - expected) <= 1e-5 * Float(length + 1),
                            "\(level) \(metric) length \(length), offsets \(first) and \(second)")
                    }
                }
            }
        }
    }

    @Test(arguments: levels, metrics)
    func allFormsGiveTheSameBits(level: SIMDLevel, metric: Metric) throws {
        let kernel = DistanceKernel(metric: metric, level: level)
        for dimension in [1, 3, 15, 16, 17, 31, 32, 33, 48, 100, 128, 130] {
            let arena = try VectorArena(dimension: dimension, capacity: 23)
            for row in 0..<23 {
                arena.store(noise(count: dimension, seed: UInt64(row)), at: row)
            }
            let query = noise(count: dimension, seed: 99)
            for count in 0...11 {
                let ids = (0..<count).map { UInt32(($0 * 7 + 5) % 23) }
                let pairs = ids.map { id in
                    unsafe query.withUnsafeBufferPointer { query in
                        unsafe query.baseAddress.map {
                            unsafe kernel.distance(
                                $0, arena.space.row(Int(id)), dimension: dimension)
                        }
                    }
                }
                #expect(toIDs(kernel, query, ids, arena.space).map(Optional.some) == pairs)
                let range = (4..<(4 + count)).map { UInt32($0) }
                #expect(
                    toRange(kernel, query, 4, count, arena.space)
                        == toIDs(kernel, query, range, arena.space))
            }
        }
    }

    @Test(arguments: levels, metrics)
    func noFormReadsBehindTheVector(level: SIMDLevel, metric: Metric) throws {
        // The vectors end where a page that cannot be read begins.
        let kernel = DistanceKernel(metric: metric, level: level)
        let page = Int(getpagesize())
        let flags = MAP_PRIVATE | MAP_ANON
        let mapping = unsafe mmap(nil, 2 * page, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let pages = unsafe mapping, unsafe pages != MAP_FAILED else {
            Issue.record("no memory")
            return
        }
        defer { unsafe munmap(pages, 2 * page) }
        try #require(unsafe mprotect(pages + page, page, PROT_NONE) == 0)
        for length in 0...130 {
            let vector = unsafe (pages + page - length * 4).assumingMemoryBound(to: Float.self)
            unsafe #expect(kernel.distance(vector, vector, dimension: length).isFinite)
            let space = unsafe VectorSpace(base: vector, dimension: max(1, length))
            guard length > 0 else { continue }
            #expect(
                toIDs(kernel, [Float](repeating: 1, count: length), [0, 0, 0, 0, 0], space).count
                    == 5)
        }
    }

    @Test func distancesAreSmallerForBetterMatches() {
        let near: [Float] = [1, 2, 3], far: [Float] = [-1, 5, 0], query: [Float] = [1, 2, 2]
        for metric in Metric.allCases {
            let kernel = DistanceKernel(metric: metric)
            func distance(_ vector: [Float]) -> Float {
                let (vector, query) = (kernel.prepare(vector), kernel.prepare(query))
                return unsafe query.withUnsafeBufferPointer { query in
                    unsafe vector.withUnsafeBufferPointer { vector in
                        guard let query = query.baseAddress, let vector = vector.baseAddress else {
                            return 0
                        }
                        return unsafe kernel.distance(query, vector, dimension: 3)
                    }
                }
            }
            #expect(distance(near) < distance(far), "\(metric)")
            let score = kernel.score(distance(near))
            #expect(abs(kernel.distance(ofScore: score) - distance(near)) < 1e-5, "\(metric)")
        }
    }

    @Test func normalisingKeepsZeroAndSurvivesLargeNumbers() {
        #expect(DistanceKernel.normalized([0, 0]) == [0, 0])
        #expect(DistanceKernel.normalized([3, 4]) == [0.6, 0.8])
        let large = DistanceKernel.normalized([3e38, 3e38])
        #expect(abs(large[0] - 0.70710677) < 1e-6)
        let small = DistanceKernel.normalized([Float.leastNonzeroMagnitude, 0])
        #expect(small == [1, 0])
    }

    private func toIDs(
        _ kernel: DistanceKernel, _ query: [Float], _ ids: [UInt32], _ space: VectorSpace
    ) -> [Float] {
        unsafe [Float](unsafeUninitializedCapacity: ids.count + 1) { target, count in
            count = ids.count
            unsafe query.withUnsafeBufferPointer { query in
                unsafe ids.withUnsafeBufferPointer { ids in
                    guard let query = query.baseAddress, let start = ids.baseAddress,
                        let target = target.baseAddress
                    else { return }
                    unsafe kernel.distances(
                        from: query, to: start, count: ids.count, in: space, into: target)
                }
            }
        }
    }

    private func toRange(
        _ kernel: DistanceKernel, _ query: [Float], _ start: Int, _ rows: Int, _ space: VectorSpace
    ) -> [Float] {
        unsafe [Float](unsafeUninitializedCapacity: rows + 1) { target, count in
            count = rows
            unsafe query.withUnsafeBufferPointer { query in
                guard let query = query.baseAddress, let target = target.baseAddress else { return }
                unsafe kernel.distances(
                    from: query, toRowsFrom: start, count: rows, in: space, into: target)
            }
        }
    }
}

/// Numbers in −1…1 that depend on the seed only.
func noise(count: Int, seed: UInt64) -> [Float] {
    var state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1
    return (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(Int32(truncatingIfNeeded: state >> 32)) / Float(Int32.max)
    }
}
