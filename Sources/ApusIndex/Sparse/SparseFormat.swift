package import ApusCore

/// The bytes of inverted lists, as a section of a segment file (compressed sparse rows, one row an
/// index of the vocabulary):
///
/// | offset | type | meaning |
/// |---|---|---|
/// | 0 | u32 | version, 1 |
/// | 4 | u32 | L, the number of lists |
/// | 8 | u64 | number of vectors that are not empty |
/// | 16 | u64 | E, the number of entries |
/// | 24 | L × u32 | the lists' indices, ascending |
/// | | | zeros up to a multiple of 8 |
/// | | (L + 1) × u64 | where each list begins among the entries; the first is 0, the last E |
/// | | E × u32 | ordinals, ascending inside a list |
/// | | E × f32 | weights |
///
/// The section starts at a multiple of 8 and is used where it lies.
enum SparseFormat {
    static let version: UInt32 = 1
    static let headerSize = 24

    /// Where the parts lie, for a number of lists and of entries.
    struct Layout {
        let offsets: Int
        let ordinals: Int
        let weights: Int
        let size: Int

        /// nil when the size is beyond an `Int`.
        init?(listCount: Int, entryCount: Int) {
            let (entryBytes, overflow) = entryCount.multipliedReportingOverflow(by: 8)
            offsets = (headerSize + listCount * 4 + 7) / 8 * 8
            ordinals = offsets + (listCount + 1) * 8
            let (size, sizeOverflow) = ordinals.addingReportingOverflow(entryBytes)
            guard !overflow, !sizeOverflow else { return nil }
            self.size = size
            weights = ordinals + entryCount * 4
        }
    }
}

extension SparseIndex {
    /// Appends the lists as they are now. REQUIRES: no insertion at the same time, and a position
    /// of `writer` that is a multiple of 8.
    package func encode(to writer: inout ByteWriter) {
        let lists = sortedLists()
        let entryCount = lists.reduce(0) { $0 + $1.list.count }
        writer.write(SparseFormat.version)
        writer.write(UInt32(lists.count))
        writer.write(UInt64(count))
        writer.write(UInt64(entryCount))
        for list in lists { writer.write(list.index) }
        writer.pad(toMultipleOf: 8)
        var offset: UInt64 = 0
        writer.write(offset)
        for (_, list) in lists {
            offset += UInt64(list.count)
            writer.write(offset)
        }
        for (_, list) in lists { list.forEach { writer.write($0.ordinal) } }
        for (_, list) in lists { list.forEach { writer.write($0.weight) } }
    }
}
