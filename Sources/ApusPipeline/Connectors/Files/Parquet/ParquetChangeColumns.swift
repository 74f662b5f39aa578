/// What a row of a file of changes says beside the point.
package struct PointChange: Sendable {
    /// The version of the collection that has it.
    package var lsn: UInt64
    /// Its place among the changes of that version.
    package var index: Int
    package var kind: String
    /// Milliseconds since 1970; nil: not known.
    package var time: UInt64?

    package init(lsn: UInt64, index: Int, kind: String, time: UInt64?) {
        self.lsn = lsn
        self.index = index
        self.kind = kind
        self.time = time
    }
}

/// The columns of a file of changes that stand before those of points.
///
/// | column | type |
/// |---|---|
/// | `lsn`, `index` | int64 |
/// | `kind` | string |
/// | `time` | timestamp in milliseconds, UTC; null where it is not known |
struct ParquetChangeColumns: Sendable {
    private var lsn = ParquetColumnWriter(["lsn"], .int64)
    private var index = ParquetColumnWriter(["index"], .int64)
    private var kind = ParquetColumnWriter(["kind"], .byteArray)
    private var time = ParquetColumnWriter(["time"], .int64, definitionMax: 1)

    static let nodes = [
        ParquetWrittenNode(name: "lsn", physical: .int64),
        ParquetWrittenNode(name: "index", physical: .int64),
        ParquetWrittenNode(name: "kind", physical: .byteArray, meaning: .text),
        ParquetWrittenNode(
            name: "time", physical: .int64, repetition: .optional,
            meaning: .timestamp(.milliseconds, isUTC: true)),
    ]

    var byteCount: Int { lsn.byteCount + index.byteCount + kind.byteCount + time.byteCount }

    mutating func append(_ change: PointChange) {
        lsn.append(change.lsn)
        index.append(UInt64(truncatingIfNeeded: change.index))
        kind.append(change.kind.utf8)
        if let milliseconds = change.time {
            time.append(milliseconds)
        } else {
            time.appendNothing(definition: 0)
        }
        lsn.endRow()
        index.endRow()
        kind.endRow()
        time.endRow()
    }

    /// In the order of `nodes`.
    mutating func take() -> [ParquetWrittenColumn] {
        [lsn.take(), index.take(), kind.take(), time.take()]
    }
}
