package import ApusCore

/// The bytes of inverted lists, as a section of a segment file (compressed sparse rows, one row an
/// index of the vocabulary):
///
/// | offset | type | meaning |
/// |---|---|---|
/// | 0 | u32 | version, 2; 1 had no bounds |
/// | 4 | u32 | L, the number of lists |
/// | 8 | u64 | number of vectors that are not empty |
/// | 16 | u64 | E, the number of entries |
/// | 24 | L × u32 | the lists' indices, ascending |
/// | | | zeros up to a multiple of 8 |
/// | | (L + 1) × u64 | where each list begins among the entries; the first is 0, the last E |
/// | | E × u32 | ordinals, ascending inside a list |
/// | | E × f32 | weights |
/// | | B × (f32, f32) | bounds: the greatest and the least weight of each block |
///
/// A block is 128 successive entries of a list, or what is left of it; B is the number of all lists'
/// blocks.
///
/// The section starts at a multiple of 8 and is used where it lies.
enum SparseFormat {
    static let version: UInt32 = 2
    static let headerSize = 24

    /// Where the parts lie, for a number of lists and of entries.
    struct Layout {
        let offsets: Int
        let ordinals: Int
        let weights: Int
        /// Where the bounds begin, and a section without them ends.
        let bounds: Int

        /// nil when the size is beyond an `Int`.
        init?(listCount: Int, entryCount: Int) {
            let (entryBytes, overflow) = entryCount.multipliedReportingOverflow(by: 8)
            offsets = (headerSize + listCount * 4 + 7) / 8 * 8
            ordinals = offsets + (listCount + 1) * 8
            let (bounds, sizeOverflow) = ordinals.addingReportingOverflow(entryBytes)
            guard !overflow, !sizeOverflow else { return nil }
            self.bounds = bounds
            weights = ordinals + entryCount * 4
        }
    }

    static func blockCount(ofList entryCount: Int) -> Int {
        (entryCount + PostingBlock.size - 1) / PostingBlock.size
    }
}

extension SparseIndex {
    /// The section of the lists as they are now. REQUIRES: no insertion at the same time.
    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        encode(to: &writer)
        return writer.bytes
    }

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
        var runs: [PostingRun] = []
        for (_, list) in lists { list.forEachBlock { runs.append($0.run) } }
        for run in runs { for entry in 0..<run.count { writer.write(run.ordinal(entry)) } }
        for run in runs { for entry in 0..<run.count { writer.write(run.weight(entry)) } }
        for run in runs {
            writer.write(run.bounds.greatest)
            writer.write(run.bounds.least)
        }
        withExtendedLifetime(lists) {}
    }
}
