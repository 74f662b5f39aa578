package import ApusCore

/// What a collection consists of: the value whose replacement on disk is the commit of every change
/// other than a batch in the log.
package struct Manifest: Hashable, Sendable {
    package struct Segment: Hashable, Sendable {
        /// Names the file; never used again.
        package var number: UInt64
        /// Rows in the file, deleted ones too.
        package var rowCount: Int
        /// Which deletion file holds for it; nil: no row is deleted.
        package var deletionFileLSN: SequenceNumber?

        package init(number: UInt64, rowCount: Int, deletionFileLSN: SequenceNumber? = nil) {
            self.number = number
            self.rowCount = rowCount
            self.deletionFileLSN = deletionFileLSN
        }
    }

    /// Counts the commits; 0: never committed. Set by `ManifestStore.commit`.
    package internal(set) var generation: UInt64 = 0
    /// Whose log belongs to this manifest.
    package var logID: LogID
    /// Every batch up to this one is in the segments and deletion files: the log is replayed after.
    package var flushedThrough = SequenceNumber.zero
    package var nextSegmentNumber: UInt64 = 1
    package var segments: [Segment] = []
    /// Opaque to storage: the engine keeps its configuration here.
    package var attributes: [String: [UInt8]] = [:]

    package init(logID: LogID = .random()) { self.logID = logID }
}
