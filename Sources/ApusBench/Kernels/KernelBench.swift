package import ApusCore
package import ApusKernels
private import Foundation

/// What a distance costs, beside what the machine's memory gives: every metric, element type and
/// instruction set, with rows in the cache, one behind the other, and at random places.
///
/// Everything here blocks; call it where a thread may be kept busy for minutes.
package struct KernelBench: Sendable {
    /// What is measured.
    package struct Settings: Hashable, Sendable {
        package var dimensions = [128, 384, 768, 1536]
        /// Those that this processor has.
        package var levels = SIMDLevel.allCases.filter(\.isSupported)
        /// Bytes of the rows, which should be many times the cache.
        package var workingSetByteCount = 512 << 20
        /// How long each figure is taken for; the best of five parts counts.
        package var duration: Duration = .milliseconds(100)

        package init() {}
    }

    /// Where the rows of one call lie.
    package enum Access: String, CaseIterable, Sendable {
        /// Shuffled, and few enough for the second-level cache.
        case cache
        /// One behind the other through the whole working set.
        case sequential
        /// Shuffled over the whole working set.
        case random
    }

    /// One kernel in one situation.
    package struct Figure: Hashable, Sendable {
        package var element: String
        package var metric: Metric
        package var level: SIMDLevel
        package var dimension: Int
        package var access: Access
        package var nanoseconds: Double
        /// Of rows, heads and padding included.
        package var gigabytesPerSecond: Double
        /// What a plain loop reads of such memory from front to back: the best that this run has
        /// seen so far, measured again beside every kernel.
        package var readGigabytesPerSecond: Double

        /// Of the memory's bandwidth; nil where the rows come from the cache.
        package var shareOfMemory: Double? {
            access == .cache || readGigabytesPerSecond <= 0
                ? nil : gigabytesPerSecond / readGigabytesPerSecond
        }
    }

    /// The element types that there are kernels for.
    private static let elements: [any KernelRows.Type] = [
        VectorRows.self,
        HalfRows.self,
        ByteRows.self,
        CodeRows.self,
    ]
    private static let metrics: [Metric] = [.euclid, .dot, .cosine, .manhattan]

    /// Rows of one call by ids: about the neighbours of a node.
    private static let batch = 32
    /// Rows of one call by range.
    private static let block = 64
    /// Half of what second-level caches have today.
    private static let cacheByteCount = 512 << 10

    private let settings: Settings

    package init(_ settings: Settings = Settings()) { self.settings = settings }

    package func run(_ report: (Figure) -> Void) throws {
        var read = 0.0
        for dimension in settings.dimensions {
            var random = Xorshift(seed: UInt64(dimension))
            let pool = (0..<256).map { _ in (0..<dimension).map { _ in random.float() } }
            for element in Self.elements {
                try measure(element, dimension, pool, &random, &read, report)
            }
        }
    }

    private func measure(
        _ element: any KernelRows.Type, _ dimension: Int, _ pool: [[Float]],
        _ random: inout Xorshift, _ read: inout Double, _ report: (Figure) -> Void
    ) throws {
        let stride = element.byteStride(dimension: dimension)
        let count = max(Self.block, settings.workingSetByteCount / stride)
        let rows = try element.init(dimension: dimension, count: count, pool: pool)
        let ids = random.permutation(of: count)
        let near = random.permutation(
            of: min(count, max(Self.batch, Self.cacheByteCount / stride)))
        for level in settings.levels {
            read = max(read, readRate(rows))
            for metric in Self.metrics {
                guard let calls = rows.kernels(metric, level) else { continue }
                for access in Access.allCases {
                    let nanoseconds =
                        switch access {
                        case .cache: timeIDs(near, calls)
                        case .sequential: timeRanges(count, calls)
                        case .random: timeIDs(ids, calls)
                        }
                    report(
                        Figure(
                            element: element.element, metric: metric, level: level,
                            dimension: dimension, access: access, nanoseconds: nanoseconds,
                            gigabytesPerSecond: Double(stride) / nanoseconds,
                            readGigabytesPerSecond: read))
                }
            }
        }
    }

    // MARK: Timing

    private func timeIDs(_ ids: [UInt32], _ calls: KernelCalls) -> Double {
        var distances = [Float](repeating: 0, count: Self.batch)
        var next = 0
        return unsafe ids.withUnsafeBufferPointer { ids in
            unsafe distances.withUnsafeMutableBufferPointer { distances in
                guard let start = ids.baseAddress, let target = distances.baseAddress else {
                    return 0
                }
                return best {
                    for _ in 0..<64 {
                        if next + Self.batch > ids.count { next = 0 }
                        unsafe calls.toIDs(start + next, Self.batch, target)
                        next += Self.batch
                    }
                    return 64 * Self.batch
                }
            }
        }
    }

    private func timeRanges(_ count: Int, _ calls: KernelCalls) -> Double {
        var distances = [Float](repeating: 0, count: Self.block)
        var next = 0
        return unsafe distances.withUnsafeMutableBufferPointer { distances in
            guard let target = distances.baseAddress else { return 0 }
            return best {
                for _ in 0..<32 {
                    if next + Self.block > count { next = 0 }
                    unsafe calls.toRange(next, Self.block, target)
                    next += Self.block
                }
                return 32 * Self.block
            }
        }
    }

    /// Gigabytes a second of a plain loop over all rows.
    private func readRate(_ rows: any KernelRows) -> Double {
        unsafe rows.withBytes { bytes in
            // In pieces, so that a part of the time is enough.
            let piece = min(bytes.count, 16 << 20)
            var next = 0
            let nanoseconds = best {
                if next + piece > bytes.count { next = 0 }
                MemoryRead.keep(
                    unsafe MemoryRead.sum(
                        UnsafeRawBufferPointer(rebasing: bytes[next..<(next + piece)])))
                next += piece
                return piece
            }
            return nanoseconds > 0 ? 1 / nanoseconds : 0
        }
    }

    /// Nanoseconds for each of what `body` does and counts: the least of five parts of the time,
    /// since whatever else the machine does only adds to it.
    private func best(_ body: () -> Int) -> Double {
        let clock = ContinuousClock()
        var best = Double.infinity
        for _ in 0..<5 {
            var done = 0
            let start = clock.now
            var elapsed = Duration.zero
            repeat {
                done += body()
                elapsed = start.duration(to: clock.now)
            } while elapsed < settings.duration / 5
            best = min(best, elapsed / .nanoseconds(1) / Double(max(1, done)))
        }
        return best
    }
}

/// A loop that does nothing but read.
enum MemoryRead {
    /// The sum of all whole words. Eight registers of 16 bytes: more in flight than memory gives.
    @inline(never)
    static func sum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        typealias Words = SIMD4<UInt64>
        let size = MemoryLayout<Words>.size
        var sums = (Words.zero, Words.zero, Words.zero, Words.zero)
        guard let start = bytes.baseAddress else { return 0 }
        var offset = 0
        // The loop's bound covers every load in it.
        while offset + 4 * size <= bytes.count {
            unsafe sums.0 &+= (start + offset).loadUnaligned(as: Words.self)
            unsafe sums.1 &+= (start + offset + size).loadUnaligned(as: Words.self)
            unsafe sums.2 &+= (start + offset + 2 * size).loadUnaligned(as: Words.self)
            unsafe sums.3 &+= (start + offset + 3 * size).loadUnaligned(as: Words.self)
            offset += 4 * size
        }
        return (sums.0 &+ sums.1 &+ sums.2 &+ sums.3).wrappedSum()
    }

    /// Uses a value, so that what made it is not left out.
    @inline(never)
    static func keep(_ value: UInt64) { withExtendedLifetime(value) {} }
}
