package import ApusCore

/// The bytes of an HNSW index in a segment file: four sections of flat arrays, little-endian, used
/// where they lie. Each section must start at a multiple of 64 bytes (8 would do; 64 is a cache
/// line). Checksums are the segment file's.
///
/// `header`, 64 bytes:
///
/// | offset | type | meaning |
/// |---|---|---|
/// | 0 | 4 bytes | magic `APHN` |
/// | 4 | u32 | version, 1 |
/// | 8 | u32 | m, 2…1024 |
/// | 12 | u32 | efConstruct |
/// | 16 | u32 | dimension |
/// | 20 | u32 | metric: 0 cosine, 1 euclid, 2 dot, 3 manhattan |
/// | 24 | u64 | count: ordinals that the index covers |
/// | 32 | u64 | upperBlocks: blocks in `upper` |
/// | 40 | u32 | entry point's ordinal; 0xFFFFFFFF when there is no node |
/// | 44 | u32 | entry point's level; 0 when there is no node |
/// | 48 | 16 bytes | zero |
///
/// `links0`, count × stride(2m) × u32: row i is the neighbours of ordinal i at level 0.
///
/// `levels`, count × u8: the highest level of the node, 0…15; 255 where the ordinal is no node.
///
/// `upper`, upperBlocks × stride(m) × u32: for each ordinal in ascending order one block per level
/// from 1 to its highest, so upperBlocks is the sum of the levels.
///
/// A block of links holds up to 2m (level 0) or m ids, filled from the front; 0xFFFFFFFF marks the
/// first unused place and all behind it. stride(x) is x rounded up to a multiple of 16 from 16 on,
/// and to a power of two below: `VectorSpace.stride`, the rule of vector rows too.
package enum HNSWFormat {
    package enum Section: String, CaseIterable, Sendable {
        case header
        case links0
        case levels
        case upper
    }

    static let magic: [UInt8] = Array("APHN".utf8)
    static let version: UInt32 = 1
    static let headerByteCount = 64

    /// Throws when a `header` section cannot be read, by `isNewerFormat` because it is of a later
    /// version.
    package static func checkVersion(
        of header: UnsafeRawBufferPointer
    ) throws(MalformedBytes) {
        _ = unsafe try Header(header)
    }

    /// What the `header` section says.
    struct Header: Hashable, Sendable {
        var parameters: HNSWParameters
        var count: Int
        var upperBlockCount: Int
        var entry: EntryPoint?

        func encoded() -> [UInt8] {
            var writer = ByteWriter(reservingCapacity: HNSWFormat.headerByteCount)
            writer.write(bytes: HNSWFormat.magic)
            writer.write(HNSWFormat.version)
            writer.write(UInt32(truncatingIfNeeded: parameters.m))
            writer.write(UInt32(truncatingIfNeeded: parameters.efConstruct))
            writer.write(UInt32(truncatingIfNeeded: parameters.dimension))
            writer.write(HNSWFormat.code(of: parameters.metric))
            writer.write(UInt64(truncatingIfNeeded: count))
            writer.write(UInt64(truncatingIfNeeded: upperBlockCount))
            writer.write(entry?.ordinal ?? .max)
            writer.write(UInt32(truncatingIfNeeded: entry?.level ?? 0))
            writer.pad(toMultipleOf: HNSWFormat.headerByteCount)
            return writer.bytes
        }

        /// Values outside their ranges are errors.
        init(_ bytes: UnsafeRawBufferPointer) throws(MalformedBytes) {
            var reader = unsafe ByteReader(bytes)
            for expected in HNSWFormat.magic {
                guard try reader.read(UInt8.self) == expected else {
                    throw MalformedBytes("an HNSW header without its magic", offset: 0)
                }
            }
            let version: UInt32 = try reader.read()
            guard version <= HNSWFormat.version else {
                throw MalformedBytes(
                    newer: "the HNSW graph", version: UInt64(version),
                    known: UInt64(HNSWFormat.version), offset: 4)
            }
            guard version == HNSWFormat.version else {
                throw MalformedBytes(
                    "HNSW format version \(version), expected \(HNSWFormat.version)", offset: 4)
            }
            let m = try Int(reader.read(UInt32.self))
            let efConstruct = try Int(reader.read(UInt32.self))
            let dimension = try Int(reader.read(UInt32.self))
            guard let metric = HNSWFormat.metric(code: try reader.read()) else {
                throw MalformedBytes("an unknown metric in an HNSW header", offset: 20)
            }
            parameters = HNSWParameters(
                m: m, efConstruct: efConstruct, metric: metric, dimension: dimension)
            guard parameters.m == m, parameters.efConstruct == efConstruct,
                parameters.dimension == dimension
            else {
                throw MalformedBytes(
                    "HNSW parameters out of range: m \(m), efConstruct \(efConstruct), "
                        + "dimension \(dimension)", offset: 8)
            }
            let count: UInt64 = try reader.read()
            let upperBlockCount: UInt64 = try reader.read()
            guard count < 1 << 31, upperBlockCount <= count * UInt64(HNSWParameters.levelMax) else {
                throw MalformedBytes(
                    "an HNSW index of \(count) ordinals and \(upperBlockCount) upper blocks",
                    offset: 24)
            }
            self.count = Int(count)
            self.upperBlockCount = Int(upperBlockCount)
            let ordinal: UInt32 = try reader.read()
            let level: UInt32 = try reader.read()
            guard ordinal != .max else { return }
            guard UInt64(ordinal) < count, level <= UInt32(HNSWParameters.levelMax) else {
                throw MalformedBytes(
                    "an HNSW entry point at ordinal \(ordinal), level \(level)", offset: 40)
            }
            entry = EntryPoint(ordinal: ordinal, level: Int(level))
        }

        init(
            parameters: HNSWParameters, count: Int, upperBlockCount: Int, entry: EntryPoint?
        ) {
            self.parameters = parameters
            self.count = count
            self.upperBlockCount = upperBlockCount
            self.entry = entry
        }
    }

    private static func code(of metric: Metric) -> UInt32 {
        switch metric {
        case .cosine: 0
        case .euclid: 1
        case .dot: 2
        case .manhattan: 3
        }
    }

    private static func metric(code: UInt32) -> Metric? {
        Metric.allCases.first { HNSWFormat.code(of: $0) == code }
    }
}
