internal import ApusCore
internal import ApusKernels
internal import ApusStorage

/// Checksums of a section's pieces, in the section `<name>.sums`: a u32 CRC32C for each 64 KiB, in
/// order. Only `apus repair` reads them: when the section as a whole does not fit its checksum,
/// they tell which rows are hurt.
enum SectionSums {
    /// Persisted.
    static let pieceByteCount = 64 << 10

    static func name(of section: String) -> String { "\(section).sums" }

    static func sums(of bytes: UnsafeRawBufferPointer) -> [UInt32] {
        stride(from: 0, to: bytes.count, by: pieceByteCount).map { start in
            let end = min(bytes.count, start + pieceByteCount)
            return unsafe CRC32C.checksum(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
        }
    }

    /// The rows of a section whose bytes are as they were written; a row takes `rowByteCount`.
    /// Without checksums of pieces (files of earlier versions): all of them or none.
    static func intactRows(
        of section: String, rowByteCount: Int, rowCount: Int, in reader: SegmentReader
    ) -> Bitmap {
        guard let bytes = unsafe try? reader.section(section),
            bytes.count == rowByteCount * rowCount
        else { return Bitmap(count: rowCount) }
        if (try? reader.verifySection(section)) != nil {
            return Bitmap(count: rowCount, repeating: true)
        }
        var intact = Bitmap(count: rowCount)
        let name = name(of: section)
        guard (try? reader.verifySection(name)) != nil,
            let stored = unsafe try? reader.section(name)
        else { return intact }
        let found = unsafe sums(of: bytes)
        guard stored.count == found.count * MemoryLayout<UInt32>.size else { return intact }
        let isGood = found.indices.map { index in
            unsafe UInt32(
                littleEndian: stored.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self))
                == found[index]
        }
        for row in 0..<rowCount {
            let first = row * rowByteCount / pieceByteCount
            let last = ((row + 1) * rowByteCount - 1) / pieceByteCount
            if (first...max(first, last)).allSatisfy({ isGood[$0] }) { intact[row] = true }
        }
        return intact
    }
}

extension SegmentWriter {
    /// A section of rows of one size, and the checksums of its pieces.
    func addRows(_ name: String, _ bytes: UnsafeRawBufferPointer) throws {
        try addSection(name: name, encoding: .raw) { unsafe try $0.append(bytes) }
        let sums = unsafe SectionSums.sums(of: bytes)
        try addSection(name: SectionSums.name(of: name), encoding: .raw) { sink in
            try unsafe sums.withUnsafeBytes { unsafe try sink.append($0) }
        }
    }
}
