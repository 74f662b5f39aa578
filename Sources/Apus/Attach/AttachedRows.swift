internal import ApusCore

/// Which rows of segments give way when others are attached.
struct AttachedRows {
    /// Rows of segments that were there, in their order; nil: none of that segment.
    private(set) var replaced: [Bitmap?]
    /// Rows of attached segments whose point is in a later one too, likewise.
    private(set) var duplicates: [Bitmap?]
    private(set) var replacedCount = 0
    private(set) var duplicateCount = 0
    /// One of the points that were there.
    private(set) var firstReplaced: PointID?

    /// - Parameter lsn: the last batch of the segments that were there.
    ///
    /// O(rows · segments · log rows), without segments whose ids lie elsewhere.
    init(
        attaching new: [SealedSegment], to present: [any Segment], at lsn: SequenceNumber
    ) {
        replaced = [Bitmap?](repeating: nil, count: present.count)
        duplicates = [Bitmap?](repeating: nil, count: new.count)
        let ranges = new.map(\.idRange)
        let presentRanges = present.map { ($0 as? SealedSegment)?.idRange }
        for (index, segment) in new.enumerated() {
            guard let range = ranges[index] else { continue }
            let later = new.indices.filter { other in
                other > index && ranges[other].map(range.overlaps) ?? false
            }
            let earlier = present.indices.filter {
                presentRanges[$0].map(range.overlaps) ?? (present[$0].rowCount > 0)
            }
            var previous: (id: PointID, row: Int)?
            for row in segment.rowsByID {
                let id = segment.id(at: row)
                // Of rows of one point the last one stays.
                if let previous, previous.id == id {
                    noteDuplicate(previous.row, of: segment, index)
                }
                previous = (id, row)
                if later.contains(where: { new[$0].row(of: id, at: lsn) != nil }) {
                    noteDuplicate(row, of: segment, index)
                    continue
                }
                for other in earlier {
                    guard let old = present[other].row(of: id, at: lsn) else { continue }
                    noteReplaced(id, old, of: present[other], other)
                }
            }
        }
    }

    private mutating func noteDuplicate(_ row: Int, of segment: any Segment, _ index: Int) {
        var rows = duplicates[index] ?? Bitmap(count: segment.rowCount)
        if !rows[row] { duplicateCount += 1 }
        rows[row] = true
        duplicates[index] = rows
    }

    private mutating func noteReplaced(
        _ id: PointID, _ row: Int, of segment: any Segment, _ index: Int
    ) {
        var rows = replaced[index] ?? Bitmap(count: segment.rowCount)
        if !rows[row] { replacedCount += 1 }
        rows[row] = true
        replaced[index] = rows
        if firstReplaced == nil { firstReplaced = id }
    }
}

extension SealedSegment {
    /// From its smallest id to its greatest; nil: it has no rows.
    fileprivate var idRange: ClosedRange<PointID>? {
        let rows = rowsByID
        guard let first = rows.first, let last = rows.last else { return nil }
        return id(at: first)...id(at: last)
    }
}
