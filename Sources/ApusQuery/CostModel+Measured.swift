private import ApusCore
private import ApusKernels
private import Synchronization

extension CostModel {
    /// The costs of this machine, once they are measured; before that, typical ones.
    package static var current: CostModel {
        isMeasured.load(ordering: .acquiring) ? ofThisMachine : typical
    }

    /// Measures the costs of this machine, once in a process: some 60 milliseconds, and for so
    /// long 64 MB of memory.
    package static func measure() {
        _ = ofThisMachine
        isMeasured.store(true, ordering: .releasing)
    }

    private static let isMeasured = Atomic(false)
    private static let ofThisMachine = Probe.costs() ?? typical

    /// Times of milliseconds are easily wrong: others keep the processor or its caches busy. So what is
    /// measured moves what is typical by this factor at most.
    private static let deviationMax = 2.0

    private func clamped() -> CostModel {
        func clamp(_ value: Double, _ typical: Double) -> Double {
            min(max(value, typical / Self.deviationMax), typical * Self.deviationMax)
        }
        func clamp(_ cost: RowCost, _ typical: RowCost) -> RowCost {
            RowCost(
                fixed: clamp(cost.fixed, typical.fixed),
                perByte: clamp(cost.perByte, typical.perByte))
        }
        return CostModel(
            sequential: clamp(sequential, Self.typical.sequential),
            near: clamp(near, Self.typical.near),
            random: clamp(random, Self.typical.random),
            latency: clamp(latency, Self.typical.latency))
    }

    /// Times the distance kernels over memory that is larger than the last cache.
    private struct Probe {
        private static let nearByteCount = 4 << 20
        private static let byteCount = 2 * CostModel.cacheByteCount
        private static let dimensions = (small: 32, large: 256)
        /// Rows of a call, about the neighbours of a node.
        private static let batch = 32
        private static let passes = 3

        static func costs() -> CostModel? {
            // 1 in each float: distances of numbers that are no numbers are slow on some processors.
            let dimension = dimensions.large
            let stride = VectorSpace.stride(dimension: dimension)
            let count = byteCount / (stride * MemoryLayout<Float>.size)
            guard let arena = try? VectorArena(dimension: dimension, capacity: count) else {
                return nil
            }
            let row = [Float](repeating: 1, count: dimension)
            for ordinal in 0..<count { arena.store(row, at: ordinal) }
            let large = times(arena.space, count: count)
            let small = unsafe times(
                VectorSpace(base: arena.space.base, dimension: dimensions.small),
                count: count * stride / VectorSpace.stride(dimension: dimensions.small))
            return CostModel(
                sequential: line(small.sequential, large.sequential),
                near: line(small.near, large.near), random: line(small.random, large.random),
                latency: small.latency
            ).clamped()
        }

        private static func line(_ small: Double, _ large: Double) -> RowCost {
            func bytes(_ dimension: Int) -> Double {
                Double(VectorSpace.stride(dimension: dimension) * MemoryLayout<Float>.size)
            }
            let perByte = (large - small) / (bytes(dimensions.large) - bytes(dimensions.small))
            return RowCost(fixed: small - perByte * bytes(dimensions.small), perByte: perByte)
        }

        /// Nanoseconds of a row; of `latency`, of one that is looked for alone.
        private static func times(
            _ space: VectorSpace, count: Int
        ) -> (sequential: Double, near: Double, random: Double, latency: Double) {
            let kernel = DistanceKernel(metric: .euclid)
            let query = [Float](repeating: 0, count: space.dimension)
            var distances = [Float](repeating: 0, count: batch)
            var ids = [UInt32](repeating: 0, count: batch)
            var state: UInt32 = 1
            func randomize(below end: Int) {
                for index in ids.indices {
                    state = state &* 1_664_525 &+ 1_013_904_223
                    ids[index] = UInt32((UInt64(state) * UInt64(end)) >> 32)
                }
            }
            func measure(_ calls: Int, _ rows: Int, _ call: (Int) -> Void) -> Double {
                let best = (0..<passes).map { _ in
                    ContinuousClock().measure { for number in 0..<calls { call(number) } }
                }.min()
                return (best ?? .zero) / .nanoseconds(1) / Double(max(1, calls * rows))
            }
            let calls = count / batch
            let nearCount = max(1, count / (byteCount / nearByteCount))
            let sequential = measure(calls, batch) { call in
                unsafe query.withUnsafeBufferPointer { query in
                    unsafe distances.withUnsafeMutableBufferPointer { distances in
                        guard let query = query.baseAddress, let target = distances.baseAddress
                        else { return }
                        unsafe kernel.distances(
                            from: query, toRowsFrom: call * batch, count: batch, in: space,
                            into: target)
                    }
                }
            }
            func byIDs(_ taken: Int, below end: Int) -> (Int) -> Void {
                { _ in
                    randomize(below: end)
                    unsafe query.withUnsafeBufferPointer { query in
                        unsafe ids.withUnsafeBufferPointer { ids in
                            unsafe distances.withUnsafeMutableBufferPointer { distances in
                                guard let query = query.baseAddress,
                                    let target = distances.baseAddress, let ids = ids.baseAddress
                                else { return }
                                unsafe kernel.distances(
                                    from: query, to: ids, count: taken, in: space, into: target)
                            }
                        }
                    }
                    // The next place depends on what was read.
                    state &+= distances[0].bitPattern & 1
                }
            }
            return (
                sequential,
                measure(min(calls, 1000), batch, byIDs(batch, below: nearCount)),
                measure(min(calls, 1000), batch, byIDs(batch, below: count)),
                measure(10_000, 1, byIDs(1, below: count))
            )
        }
    }
}
