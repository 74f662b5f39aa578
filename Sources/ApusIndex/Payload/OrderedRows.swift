internal import ApusCore

/// Rows by the value that they have, ascending; a row with several values stands at several places.
///
/// Two parts: keys (u64), and rows (u32). A key is a value in a form that unsigned comparison orders
/// as the values are ordered.
struct OrderedRows: Sendable {
    let keys: SectionArray<UInt64>
    let rows: SectionArray<UInt32>

    init(_ parts: inout SectionParts, rowCount: Int) throws(MalformedBytes) {
        keys = try parts.next()
        rows = try parts.next()
        guard keys.count == rows.count else { throw parts.malformed("a value without its row") }
        for position in 0..<keys.count {
            guard Int(rows[position]) < rowCount,
                position == 0 || keys[position - 1] <= keys[position]
            else { throw parts.malformed("value \(position) is out of order") }
        }
    }

    var count: Int { keys.count }

    /// The places of values at or above `key`, and of those above it.
    func first(atLeast key: UInt64) -> Int { keys.firstPosition(notBelow: key) }

    func first(above key: UInt64) -> Int {
        key == .max ? count : keys.firstPosition(notBelow: key + 1)
    }

    /// Adds the rows at these places. O(places).
    func unite(_ places: Range<Int>, into bitmap: inout Bitmap) {
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

    /// Appends the parts; sorts by key, and by row where keys are equal.
    static func write(
        _ entries: [(key: UInt64, row: UInt32)], to parts: inout SectionPartsWriter
    ) {
        parts.add(entries.map(\.key))
        parts.add(entries.map(\.row))
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
