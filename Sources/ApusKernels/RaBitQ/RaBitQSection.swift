package import ApusCore

/// RaBitQ codes as a section of a segment file: a header of 64 bytes, the centroid, and the rows.
///
/// docs/format.md ("Codes of few bits") has it byte by byte. Little-endian:
///
/// | offset | type | meaning |
/// |---|---|---|
/// | 0 | u32 | version, 1 |
/// | 4 | u32 | bits of a component: 1, 2 or 4 |
/// | 8 | u32 | dimension |
/// | 12 | u32 | 1: squared L2 distances; 0: negated inner products |
/// | 16 | u64 | rows |
/// | 24 | | zeros up to 64 |
package enum RaBitQSection {
    private static let version: UInt32 = 1
    private static let headerByteCount = 64

    /// Where the rows start: behind the header and the padded centroid.
    static func rowsOffset(dimension: Int) -> Int {
        headerByteCount + RaBitQSpace.paddedDimension(dimension) * MemoryLayout<Float>.size
    }

    static func header(
        dimension: Int, bits: RaBitQBits, metric: Metric, count: Int
    ) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: headerByteCount)
        writer.write(version)
        writer.write(UInt32(bits.rawValue))
        writer.write(UInt32(truncatingIfNeeded: dimension))
        writer.write(UInt32(metric == .euclid ? 1 : 0))
        writer.write(UInt64(count))
        return writer.bytes + [UInt8](repeating: 0, count: headerByteCount - writer.bytes.count)
    }

    /// Throws when the section cannot be of this program's version, by `isNewerFormat` when it is of
    /// a later one.
    package static func checkVersion(
        of bytes: UnsafeRawBufferPointer
    ) throws(MalformedBytes) {
        var reader = unsafe ByteReader(bytes)
        let found: UInt32 = try reader.read()
        if found > version {
            throw MalformedBytes(
                newer: "a section of RaBitQ codes", version: UInt64(found),
                known: UInt64(version), offset: 0)
        }
        guard found == version else {
            throw MalformedBytes("RaBitQ codes of version \(found)", offset: 0)
        }
    }

    fileprivate static func check(
        _ bytes: UnsafeRawBufferPointer, dimension: Int, bits: RaBitQBits, metric: Metric,
        count: Int
    ) throws(MalformedBytes) {
        try unsafe checkVersion(of: bytes)
        let expected = header(dimension: dimension, bits: bits, metric: metric, count: count)
        guard unsafe bytes.prefix(headerByteCount).elementsEqual(expected) else {
            throw MalformedBytes(
                "not the header of \(count) RaBitQ codes of \(dimension) components in "
                    + "\(bits.rawValue) bits under \(metric)", offset: 0)
        }
        let stride = RaBitQSpace.stride(dimension: dimension, bits: bits)
        let (rows, overflow) = count.multipliedReportingOverflow(by: stride)
        let start = rowsOffset(dimension: dimension)
        guard !overflow, bytes.count >= start, bytes.count - start == rows else {
            throw MalformedBytes(
                "\(bytes.count) bytes for \(count) RaBitQ codes", offset: 0)
        }
    }
}

extension RaBitQSpace {
    /// The rows of a section of a segment file, for vectors of `dimension` ≥ 1 components under
    /// `metric`. Throws when the bytes are not `count` such rows, are not aligned to floats, or have
    /// a centroid that is not finite.
    package init(
        section bytes: UnsafeRawBufferPointer, dimension: Int, bits: RaBitQBits, metric: Metric,
        count: Int
    ) throws(MalformedBytes) {
        guard dimension > 0, count >= 0, RaBitQSpace.supports(metric),
            let start = bytes.baseAddress,
            UInt(bitPattern: start) % UInt(MemoryLayout<Float>.alignment) == 0
        else { throw MalformedBytes("no RaBitQ codes", offset: 0) }
        unsafe try RaBitQSection.check(
            bytes, dimension: dimension, bits: bits, metric: metric, count: count)
        let rowsOffset = RaBitQSection.rowsOffset(dimension: dimension)
        let padded = RaBitQSpace.paddedDimension(dimension)
        let centroidOffset = rowsOffset - padded * MemoryLayout<Float>.size
        let centroid = unsafe (start + centroidOffset).assumingMemoryBound(to: Float.self)
        for index in 0..<padded {
            guard unsafe index < dimension ? centroid[index].isFinite : centroid[index] == 0 else {
                throw MalformedBytes(
                    "component \(index) of a centroid of RaBitQ codes", offset: centroidOffset)
            }
        }
        unsafe self.init(
            base: (start + rowsOffset).assumingMemoryBound(to: UInt8.self), centroid: centroid,
            dimension: dimension, bits: bits, metric: metric)
    }

    /// The section that has these rows, of which there are `count`. Its header and the centroid lie
    /// before them, in an arena as in a file.
    package func sectionBytes(count: Int) -> UnsafeRawBufferPointer {
        let start = RaBitQSection.rowsOffset(dimension: dimension)
        return unsafe UnsafeRawBufferPointer(
            start: UnsafeRawPointer(base) - start, count: start + count * stride)
    }
}
