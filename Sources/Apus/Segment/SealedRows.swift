internal import ApusCore
internal import ApusStorage

/// The fixed-size columns of a segment file: ids, the rows by ascending id, and versions.
///
/// Opening looks at lengths only; `verify` reads everything, once, before the first use.
@safe
final class SealedRows: @unchecked Sendable {
    // Sendable: the pointers lead into the mapped file, which `reader` keeps, or into
    // `rebuiltOrder`; only `verify` changes them, before the owner lets anybody else look.
    private let reader: SegmentReader
    private let count: Int
    private let ids: UnsafePointer<PointIDRecord>
    private var idOrder: UnsafePointer<UInt32>
    private let versions: UnsafePointer<UInt64>
    private var rebuiltOrder: RebuiltOrder?

    init(_ reader: SegmentReader, count: Int) throws {
        self.reader = reader
        self.count = count
        unsafe ids = try reader.array(SegmentFile.Section.ids, count: count)
        unsafe idOrder = try reader.array(SegmentFile.Section.idOrder, count: count)
        unsafe versions = try reader.array(SegmentFile.Section.versions, count: count)
    }

    /// Compares ids and versions with their checksums, and the order with its checksum and with
    /// the ids. An order that is wrong is made again from the ids: the result says so. O(rows).
    func verify() throws -> DatabaseError? {
        try reader.verifySection(SegmentFile.Section.ids)
        try reader.verifySection(SegmentFile.Section.versions)
        do {
            try reader.verifySection(SegmentFile.Section.idOrder)
            try checkOrder()
            return nil
        } catch {
            let order = RebuiltOrder(sortedRows())
            rebuiltOrder = order
            unsafe idOrder = unsafe UnsafePointer(order.base)
            return DatabaseError(causedBy: error)
        }
    }

    func id(at row: Int) -> PointID {
        precondition(row >= 0 && row < count)
        return unsafe ids[row].id
    }

    func version(at row: Int) -> SequenceNumber {
        precondition(row >= 0 && row < count)
        return unsafe SequenceNumber(versions[row])
    }

    /// The row at a place of the id order.
    func row(atPosition position: Int) -> Int { unsafe Int(idOrder[position]) }

    func record(at row: Int) -> PointIDRecord { unsafe ids[row] }

    /// The first position in id order whose id is not below the record. O(log rows).
    func firstPosition(notBelow record: PointIDRecord) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if unsafe ids[Int(idOrder[middle])] < record { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Throws unless the order names every row once, by ascending id and then row.
    private func checkOrder() throws {
        var previous: (record: PointIDRecord, row: UInt32)?
        for position in 0..<count {
            let row = unsafe idOrder[position]
            guard Int(row) < count else { throw wrongOrder(at: position) }
            let record = unsafe ids[Int(row)]
            // Strictly ascending pairs are distinct, so `count` of them are all rows.
            if let previous,
                !(previous.record < record
                    || previous.record == record && previous.row < row)
            {
                throw wrongOrder(at: position)
            }
            previous = (record, row)
        }
    }

    private func wrongOrder(at position: Int) -> DatabaseError {
        DatabaseError(
            .corruption,
            "\(reader.path): section ids.order: place \(position) is not in the order of the ids")
    }

    private func sortedRows() -> [UInt32] {
        (0..<UInt32(count)).sorted { left, right in
            unsafe ids[Int(left)] == ids[Int(right)]
                ? left < right : ids[Int(left)] < ids[Int(right)]
        }
    }
}

/// An id order in memory of its own.
@safe
private final class RebuiltOrder: @unchecked Sendable {
    // Sendable: written once, in `init`.
    let base: UnsafeMutablePointer<UInt32>

    init(_ rows: [UInt32]) {
        unsafe base = .allocate(capacity: max(1, rows.count))
        for (position, row) in rows.enumerated() { unsafe base[position] = row }
    }

    deinit { unsafe base.deallocate() }
}

extension SegmentReader {
    /// A section as `count` values; its checksum is not looked at. O(1).
    func array<Element: BitwiseCopyable>(
        _ name: String, count: Int
    ) throws -> UnsafePointer<Element> {
        let bytes = unsafe try section(name)
        guard bytes.count == count * MemoryLayout<Element>.stride else {
            throw DatabaseError(
                .corruption,
                "\(path): section \(name) has \(bytes.count) bytes, expected \(count) times "
                    + "\(MemoryLayout<Element>.stride)")
        }
        guard let start = bytes.baseAddress else {
            // No rows, no bytes: nothing reads through this pointer.
            return unsafe UnsafePointer(UnsafeMutablePointer<Element>.allocate(capacity: 1))
        }
        return unsafe start.assumingMemoryBound(to: Element.self)
    }
}
