internal import ApusCore

/// Sets of rows, numbered from 0: the rows that have a value, for each value.
///
/// A set of few rows is an ascending list, one of more than a 32nd of all rows a bitmap, which is
/// smaller then and is united word by word. This is Roaring's pair of containers (Chambi, Lemire,
/// Kaser, Godin: "Better bitmap performance with Roaring bitmaps", 2016) with the segment as the one
/// chunk; docs/adr/0020 says why.
///
/// Three arrays: how many rows each set has (u32), where each begins among the elements (u64, and
/// one more), and the elements (u32): rows, or 64-bit words of a bitmap in two halves, low one first.
struct RowLists: Sendable {
    let rowCount: Int
    private let counts: SectionArray<UInt32>
    private let starts: SectionArray<UInt64>
    private let elements: SectionArray<UInt32>

    /// Takes the next three parts of an index's bytes and looks at every element.
    init(_ parts: inout SectionParts, rowCount: Int) throws(MalformedBytes) {
        self.rowCount = rowCount
        counts = try parts.next()
        starts = try parts.next()
        elements = try parts.next()
        guard starts.count == counts.count + 1, starts[0] == 0,
            starts[counts.count] == UInt64(elements.count)
        else { throw parts.malformed("row lists with a gap") }
        for list in 0..<counts.count {
            let count = Int(counts[list])
            guard starts[list] <= starts[list + 1],
                starts[list + 1] - starts[list]
                    == UInt64(Self.elementCount(of: count, rowCount: rowCount)),
                hasRows(list)
            else { throw parts.malformed("row list \(list) is not one of \(count) rows") }
        }
    }

    /// How many sets there are.
    var count: Int { counts.count }

    func cardinality(of list: Int) -> Int { min(Int(counts[list]), rowCount) }

    /// How many rows of a set are among `rows`. O(rows of the set), or O(all rows / 64) for a bitmap.
    func cardinality(of list: Int, among rows: Bitmap) -> Int {
        let range = elements.clamped(starts[list], starts[list + 1])
        if Self.isBitmap(count: Int(counts[list]), rowCount: rowCount) {
            return self.rows(of: list).cardinality(common: rows)
        }
        return range.reduce(0) { count, position in
            let row = Int(elements[position])
            return row < rows.count && rows[row] ? count + 1 : count
        }
    }

    /// Adds the rows of a set. O(rows), or O(all rows / 64) for a bitmap.
    func unite(_ list: Int, into rows: inout Bitmap) {
        let range = elements.clamped(starts[list], starts[list + 1])
        let elements = elements
        let isBitmap = Self.isBitmap(count: Int(counts[list]), rowCount: rowCount)
        rows.withWords { words in
            if isBitmap {
                for index in 0..<min(range.count / 2, words.count) {
                    let low = elements[range.lowerBound + 2 * index]
                    let high = elements[range.lowerBound + 2 * index + 1]
                    words[index] |= UInt64(high) << 32 | UInt64(low)
                }
            } else {
                let end = words.count
                for position in range {
                    let row = Int(elements[position])
                    // The bytes may have changed since they were checked.
                    guard row >> 6 < end else { break }
                    words[row >> 6] |= 1 << UInt64(row & 63)
                }
            }
        }
    }

    /// The rows of a set.
    func rows(of list: Int) -> Bitmap {
        var rows = Bitmap(count: rowCount)
        unite(list, into: &rows)
        return rows
    }

    private static func isBitmap(count: Int, rowCount: Int) -> Bool { count > rowCount / 32 }

    private static func elementCount(of count: Int, rowCount: Int) -> Int {
        isBitmap(count: count, rowCount: rowCount) ? (rowCount + 63) / 64 * 2 : count
    }

    /// Whether a set has as many rows as it says, all below `rowCount`.
    private func hasRows(_ list: Int) -> Bool {
        let range = elements.clamped(starts[list], starts[list + 1])
        let count = Int(counts[list])
        guard Self.isBitmap(count: count, rowCount: rowCount) else {
            var next: UInt32 = 0
            for position in range {
                let row = elements[position]
                guard row >= next, Int(row) < rowCount else { return false }
                next = row + 1
            }
            return true
        }
        let found = range.reduce(0) { $0 + elements[$1].nonzeroBitCount }
        guard found == count else { return false }
        let used = rowCount & 63
        guard used != 0, range.count >= 2 else { return true }
        let last =
            UInt64(elements[range.upperBound - 1]) << 32
            | UInt64(elements[range.upperBound - 2])
        return last >> UInt64(used) == 0
    }

    /// Appends the parts for sets of ascending rows without repetitions.
    static func write(
        _ lists: some Collection<[UInt32]>, rowCount: Int, to parts: inout SectionPartsWriter
    ) {
        parts.add(lists.map { UInt32($0.count) })
        var starts: [UInt64] = [0]
        starts.reserveCapacity(lists.count + 1)
        var end: UInt64 = 0
        for list in lists {
            end += UInt64(elementCount(of: list.count, rowCount: rowCount))
            starts.append(end)
        }
        parts.add(starts)
        var elements: [UInt32] = []
        elements.reserveCapacity(Int(end))
        for list in lists {
            if isBitmap(count: list.count, rowCount: rowCount) {
                let first = elements.count
                elements.append(contentsOf: repeatElement(0, count: (rowCount + 63) / 64 * 2))
                for row in list { elements[first + Int(row >> 5)] |= 1 << (row & 31) }
            } else {
                elements.append(contentsOf: list)
            }
        }
        parts.add(elements)
    }
}
