package import ApusCore

/// What becomes a segment file: rows that do not change any more, with their graphs.
///
/// A growing segment that takes no more rows, or the rows that are left of other segments.
package protocol SegmentSource: AnyObject, Sendable {
    /// The number that the file gets.
    var number: UInt64 { get }
    var rowCount: Int { get }
    /// Marks of deleted rows, which go on in the segment that reads the file.
    var deletions: RowDeletions { get }
    /// Marks that there are where the rows come from: as long as it stays the same, there is nothing
    /// new to copy.
    var markCount: Int { get }
    /// Copies the marks that there are by now where the rows come from into `deletions`; marks that
    /// were copied before stay. Returns what `markCount` was before. O(rows).
    @discardableResult
    func copyDeletions() -> Int
    /// Filter results, which go on likewise.
    var filterCache: FilterCache { get }
    var denseFields: [String: DenseField] { get }
    /// Whether some rows may carry sparse or multi vectors.
    var hasExtras: Bool { get }

    func id(at row: Int) -> PointID
    /// The id records of the first `count` rows as they lie in memory.
    func idBytes(count: Int) -> UnsafeRawBufferPointer
    /// The versions of the first `count` rows as they lie in memory.
    func versionBytes(count: Int) -> UnsafeRawBufferPointer
    /// The presence bytes of a dense field; nil when there is no such field.
    func presenceBytes(of name: String, count: Int) -> UnsafeRawBufferPointer?
    /// The row's encoded payload.
    func payloadBytes(at row: Int) throws -> [UInt8]
    /// The row's sparse and multi vectors, encoded; empty when it has none.
    func extrasBytes(at row: Int) throws -> [UInt8]
}

extension GrowingSegment: SegmentSource {
    package var markCount: Int { deletions.count }

    /// Marks are made in its own.
    package func copyDeletions() -> Int { markCount }
}
