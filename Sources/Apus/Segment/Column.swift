package import ApusCore
package import ApusKernels
private import Synchronization

/// One fixed-size value a row, in memory that never moves: the writer fills rows at the end while
/// readers use those that were published to them.
///
/// Element writes happen before the row count that publishes them is stored with release order;
/// `RowDeletions` has the only column whose published values still change, and it uses atomics.
@safe
package final class GrowingColumn<Element: BitwiseCopyable>: @unchecked Sendable {
    private let memory: ReservedMemory
    package let base: UnsafeMutablePointer<Element>
    package let capacity: Int

    package init(capacity: Int) throws(KernelError) {
        memory = try ReservedMemory(byteCount: capacity * MemoryLayout<Element>.stride)
        unsafe base = memory.base.bindMemory(to: Element.self, capacity: capacity)
        self.capacity = capacity
    }

    /// The values of a column that lies in memory, the one at `order[i]` as row i.
    convenience init(_ bytes: UnsafeRawBufferPointer, _ order: [UInt32]) throws(KernelError) {
        try self.init(capacity: order.count)
        let values = unsafe bytes.assumingMemoryBound(to: Element.self)
        for (row, old) in order.enumerated() { unsafe base[row] = values[Int(old)] }
    }

    package subscript(row: Int) -> Element {
        get {
            precondition(row >= 0 && row < capacity)
            return unsafe base[row]
        }
        set {
            precondition(row >= 0 && row < capacity)
            unsafe base[row] = newValue
        }
    }

    /// The first `count` values as they lie in memory.
    package func bytes(count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: count * MemoryLayout<Element>.stride)
    }
}

/// Bytes of variable length, appended one after the other in memory that never moves.
@safe
package final class ByteArena: @unchecked Sendable {
    private let memory: ReservedMemory
    package let capacity: Int
    /// Bytes in use; only the writer reads and writes it.
    package private(set) var count = 0

    package init(capacity: Int) throws(KernelError) {
        memory = try ReservedMemory(byteCount: capacity)
        self.capacity = capacity
    }

    package func hasRoom(for byteCount: Int) -> Bool { byteCount <= capacity - count }

    /// Copies the bytes to the end and returns where they start.
    package func append(_ bytes: [UInt8]) -> Int {
        precondition(hasRoom(for: bytes.count))
        let offset = count
        unsafe bytes.withUnsafeBytes { source in
            if let start = source.baseAddress {
                unsafe (memory.base + offset).copyMemory(
                    from: start, byteCount: source.count)
            }
        }
        count += bytes.count
        return offset
    }

    package func bytes(at offset: Int, count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: memory.base + offset, count: count)
    }
}

/// When each row of a segment was deleted: 0 while it lives, so that untouched memory, which is
/// zero, says that every row does, and a segment of any size opens without a look at its rows.
///
/// The writer marks rows while readers look; every access is a relaxed atomic one, which is enough
/// because a reader only asks whether a row was deleted at or before the sequence number that it
/// holds, and that number was published after the mark was made.
@safe
package final class RowDeletions: @unchecked Sendable {
    private let column: GrowingColumn<UInt64>
    private let marked = Atomic<Int>(0)

    /// All rows start out alive. O(1): memory is reserved and used as rows are deleted.
    package init(capacity: Int) throws(KernelError) {
        column = try GrowingColumn(capacity: max(1, capacity))
    }

    /// Rows that are marked as deleted, at whatever time.
    package var count: Int { marked.load(ordering: .acquiring) }

    /// Marks a row; a row that is marked already keeps its first mark. `lsn` is that of a batch, so
    /// it is not 0.
    package func delete(_ row: Int, at lsn: SequenceNumber) {
        let cell = unsafe cell(row)
        guard unsafe cell.pointee.load(ordering: .relaxed) == 0 else { return }
        unsafe cell.pointee.store(lsn.rawValue, ordering: .relaxed)
        marked.wrappingAdd(1, ordering: .releasing)
    }

    /// When the row was deleted; nil while it lives.
    package func mark(of row: Int) -> SequenceNumber? {
        let lsn = unsafe cell(row).pointee.load(ordering: .relaxed)
        return lsn == 0 ? nil : SequenceNumber(lsn)
    }

    package func isVisible(_ row: Int, at lsn: SequenceNumber) -> Bool {
        // Wraps for a living row, to what no sequence number reaches.
        unsafe cell(row).pointee.load(ordering: .relaxed) &- 1 >= lsn.rawValue
    }

    /// How many of the first `rowCount` rows a reader at `lsn` sees.
    package func visibleCount(among rowCount: Int, at lsn: SequenceNumber) -> Int {
        guard count > 0 else { return rowCount }
        var visible = 0
        for row in 0..<rowCount where isVisible(row, at: lsn) { visible += 1 }
        return visible
    }

    /// Rows below `rowCount` that were deleted at or before `lsn`.
    package func deletedRows(among rowCount: Int, through lsn: SequenceNumber) -> Bitmap {
        var deleted = Bitmap(count: rowCount)
        guard count > 0 else { return deleted }
        for row in 0..<rowCount where !isVisible(row, at: lsn) { deleted[row] = true }
        return deleted
    }

    /// How many of the first `rowCount` rows were deleted at or before `lsn`.
    package func deletedCount(among rowCount: Int, through lsn: SequenceNumber) -> Int {
        rowCount - visibleCount(among: rowCount, at: lsn)
    }

    /// The marks themselves, for the search loop.
    package var marks: UnsafePointer<UInt64> { unsafe UnsafePointer(column.base) }

    private func cell(_ row: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        precondition(row >= 0 && row < column.capacity)
        return unsafe UnsafeMutableRawPointer(column.base + row)
            .assumingMemoryBound(to: Atomic<UInt64>.self)
    }
}
