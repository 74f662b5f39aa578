import ApusCore
import ApusIndex
import ApusKernels
import Foundation

/// A generator whose numbers depend on its seed only (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// `count` vectors around `clusters` centres, as real embeddings lie.
func clusteredVectors(
    count: Int, dimension: Int, clusters: Int = 40, seed: UInt64
) -> [[Float]] {
    var generator = SeededGenerator(seed: 12345)
    let centres = (0..<clusters).map { _ in
        (0..<dimension).map { _ in Float.random(in: -1...1, using: &generator) }
    }
    generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
        let centre = centres[Int.random(in: 0..<clusters, using: &generator)]
        return centre.map { $0 + Float.random(in: -0.6...0.6, using: &generator) }
    }
}

/// Vectors in an arena with an index over them, and the kernel of their metric.
struct Fixture {
    let arena: VectorArena
    let codes: CodeArena?
    let index: HNSWIndex
    let kernel: DistanceKernel
    let count: Int

    /// Nothing inserted yet.
    init(
        _ vectors: [[Float]], metric: Metric = .euclid, element: VectorElement = .float32,
        m: Int = 16, efConstruct: Int = 100, capacity: Int? = nil, hasCodes: Bool = false
    ) throws {
        let dimension = vectors.first?.count ?? 1
        count = vectors.count
        kernel = DistanceKernel(metric: metric, element: element)
        arena = try VectorArena(
            dimension: dimension, element: element, capacity: capacity ?? vectors.count)
        codes =
            hasCodes
            ? try CodeArena(dimension: dimension, capacity: capacity ?? vectors.count) : nil
        for (row, vector) in vectors.enumerated() {
            arena.store(kernel.prepare(vector), at: row)
            codes?.store(row, of: arena.space)
        }
        let parameters = HNSWParameters(
            m: m, efConstruct: efConstruct, metric: metric, dimension: dimension)
        index = try HNSWIndex(
            parameters: parameters, vectors: arena.space, codes: codes?.space,
            capacity: capacity ?? vectors.count, owner: Owners(arena, codes))
    }

    /// All inserted.
    static func built(
        _ vectors: [[Float]], metric: Metric = .euclid, element: VectorElement = .float32,
        m: Int = 16, efConstruct: Int = 100, hasCodes: Bool = false, threadCount: Int = 2,
        isPresent: (Int) -> Bool = { _ in true }
    ) throws -> Fixture {
        let fixture = try Fixture(
            vectors, metric: metric, element: element, m: m, efConstruct: efConstruct,
            hasCodes: hasCodes)
        withPool(threadCount: threadCount) {
            fixture.index.insert(
                upTo: fixture.count, finish: true, isPresent: isPresent, pool: $0)
        }
        fixture.index.connectUnreachable()
        return fixture
    }

    func exact(_ query: [Float], k: Int, admission: Admission = .all) -> [Neighbour] {
        ExactScan.search(
            query, kernel: kernel, vectors: arena.space, range: 0..<count, k: k,
            admission: admission)
    }

    /// The share of the true `k` nearest, by distance, that searches with `ef` find.
    func recall(
        _ queries: [[Float]], k: Int = 10, ef: Int, admission: Admission = .all
    ) -> Double {
        var hits = 0
        var wanted = 0
        for query in queries.map(kernel.prepare) {
            let truth = exact(query, k: k, admission: admission)
            let found = index.search(query, k: k, ef: ef, admission: admission)
            guard let worst = truth.last else { continue }
            wanted += truth.count
            hits += found.count { $0.distance <= worst.distance + 1e-6 }
        }
        return Double(hits) / Double(wanted)
    }
}

private final class Owners: Sendable {
    private let arena: VectorArena
    private let codes: CodeArena?

    init(_ arena: VectorArena, _ codes: CodeArena?) {
        self.arena = arena
        self.codes = codes
    }
}

func withPool<R>(threadCount: Int, _ body: (WorkerPool) throws -> R) rethrows -> R {
    let pool = WorkerPool(name: "test", threadCount: threadCount)
    defer { pool.shutdown() }
    return try body(pool)
}

extension HNSWIndex {
    /// The sections as arrays, for comparing and for opening again.
    func encoded() -> [HNSWFormat.Section: [UInt8]] {
        var sections: [HNSWFormat.Section: [UInt8]] = [:]
        unsafe withEncodedSections { section, bytes in
            unsafe sections[section] = Array(bytes)
        }
        return sections
    }
}

/// Sections in memory that stays in place and is aligned like a segment file's.
@safe
final class PlacedSections: @unchecked Sendable {
    // Sendable: written in init only.
    private(set) var buffers: [HNSWFormat.Section: UnsafeRawBufferPointer] = unsafe [:]

    init(_ sections: [HNSWFormat.Section: [UInt8]]) {
        for (name, bytes) in sections {
            let place = UnsafeMutableRawBufferPointer.allocate(
                byteCount: bytes.count, alignment: 64)
            unsafe place.copyBytes(from: bytes)
            unsafe buffers[name] = UnsafeRawBufferPointer(place)
        }
    }

    deinit {
        for name in HNSWFormat.Section.allCases { unsafe buffers[name]?.deallocate() }
    }

    func open(over arena: VectorArena, count: Int, residency: HNSWIndex.Residency) throws
        -> HNSWIndex
    {
        unsafe try HNSWIndex.open(
            sections: buffers, vectors: arena.space, vectorCount: count, residency: residency,
            owner: self)
    }
}

/// The folder of real data sets: `APUS_SHARED`, or `../shared` beside the checkout; nil when it is
/// not there.
func sharedDataset(_ name: String) -> URL? {
    let shared =
        ProcessInfo.processInfo.environment["APUS_SHARED"].map { URL(fileURLWithPath: $0) }
        ?? URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("shared")
    let folder = shared.appendingPathComponent("datasets").appendingPathComponent(name)
    return FileManager.default.fileExists(atPath: folder.path) ? folder : nil
}

/// The first rows of an npy file of u1, f2 or f4 numbers.
func rows(ofNPY url: URL, limit: Int) throws -> [[Float]] {
    let data = [UInt8](try Data(contentsOf: url))
    let headerEnd = 10 + Int(data[8]) + Int(data[9]) << 8
    let header = String(decoding: data[10..<headerEnd], as: UTF8.self)
    let shape = header.split(separator: "(")[1].split(separator: ")")[0]
    let numbers = shape.split(separator: ",").compactMap { part in
        Int(part.filter { $0.isNumber })
    }
    let size = header.contains("u1") ? 1 : header.contains("f2") ? 2 : 4
    return (0..<min(limit, numbers[0])).map { row in
        (0..<numbers[1]).map { column in
            let at = headerEnd + (row * numbers[1] + column) * size
            switch size {
            case 1: return Float(data[at])
            case 2: return float(half: UInt16(data[at]) | UInt16(data[at + 1]) << 8)
            default:
                let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(data[at + $1]) << (8 * $1) }
                return Float(bitPattern: bits)
            }
        }
    }
}

/// A float16 by its definition, as not every platform has the type.
private func float(half bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10 & 0x1f)
    let fraction = Float(bits & 0x3ff) / 1024
    if exponent == 0 { return sign * fraction * 0x1p-14 }
    return sign * (1 + fraction) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
}
