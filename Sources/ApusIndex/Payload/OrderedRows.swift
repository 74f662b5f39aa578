internal import ApusCore

/// Rows by the value that they have, ascending; a row with several values stands at several places.
///
/// Parts: keys (u64), and rows (u32). A key is a value in a form that unsigned comparison orders as
/// the values are ordered. Then row lists of blocks of places, all of the same number of places but
/// for the last: a wide range is united block by block, and place by place at its ends only. Few
/// places have no blocks.
struct OrderedRows: Sendable {
    private static let blockCount = 16
    private static let placesMin = 1024

    let keys: SectionArray<UInt64>
    let rows: SectionArray<UInt32>
    private let blocks: RowLists
    private let blockSize: Int

    init(_ parts: inout SectionParts, rowCount: Int) throws(MalformedBytes) {
        keys = try parts.next()
        rows = try parts.next()
        guard keys.count == rows.count else { throw parts.malformed("a value without its row") }
        for position in 0..<keys.count {
            guard Int(rows[position]) < rowCount,
                position == 0 || keys[position - 1] <= keys[position]
            else { throw parts.malformed("value \(position) is out of order") }
        }
        blocks = try RowLists(&parts, rowCount: rowCount)
        blockSize = Self.blockSize(keys.count)
        guard blocks.count == (keys.count + blockSize - 1) / blockSize || blocks.count == 0 else {
            throw parts.malformed("\(blocks.count) blocks of \(keys.count) values")
        }
    }

    private static func blockSize(_ count: Int) -> Int {
        max(1, (count + blockCount - 1) / blockCount)
    }

    var count: Int { keys.count }

    /// The places of values at or above `key`, and of those above it.
    func first(atLeast key: UInt64) -> Int { keys.firstPosition(notBelow: key) }

    func first(above key: UInt64) -> Int {
        key == .max ? count : keys.firstPosition(notBelow: key + 1)
    }

    /// Adds the rows at these places. O(places), or of wide ranges O(all places / 16 + all rows / 4).
    func unite(_ places: Range<Int>, into bitmap: inout Bitmap) {
        let first = (places.lowerBound + blockSize - 1) / blockSize
        let end = places.upperBound == count ? blocks.count : places.upperBound / blockSize
        guard blocks.count > 0, first < end else { return uniteEach(places, into: &bitmap) }
        for block in first..<end { blocks.unite(block, into: &bitmap) }
        uniteEach(places.lowerBound..<(first * blockSize), into: &bitmap)
        if end < blocks.count { uniteEach((end * blockSize)..<places.upperBound, into: &bitmap) }
    }

    private func uniteEach(_ places: Range<Int>, into bitmap: inout Bitmap) {
        let rows = rows
        bitmap.withWords { words in
            let end = words.count
            for place in places {
                let row = Int(rows[place])
                // The bytes may have changed since they were checked.
                guard row >> 6 < end else { continue }
                words[row >> 6] |= 1 << UInt64(row & 63)
            }
        }
    }

    /// Appends the parts for values in ascending order.
    static func write(
        _ entries: [(key: UInt64, row: UInt32)], rowCount: Int, to parts: inout SectionPartsWriter
    ) {
        parts.add(entries.map(\.key))
        parts.add(entries.map(\.row))
        let size = blockSize(entries.count)
        let starts =
            entries.count < placesMin ? [] : Array(stride(from: 0, to: entries.count, by: size))
        let blocks = starts.map { start in
            Set(entries[start..<min(start + size, entries.count)].map(\.row)).sorted()
        }
        RowLists.write(blocks, rowCount: rowCount, to: &parts)
    }
}

/// Values as keys of `OrderedRows`.
enum OrderedKey {
    private static let signBit: UInt64 = 1 << 63

    /// nil: not a number. Zero has one key.
    static func key(_ value: Double) -> UInt64? {
        guard !value.isNaN else { return nil }
        let bits = (value == 0 ? 0 : value).bitPattern
        return bits & signBit == 0 ? bits | signBit : ~bits
    }

    static func key(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) ^ signBit }
}
