package import ApusCore
package import ApusQuery

/// One version of a collection: what a reader sees from its first to its last look.
///
/// It holds segments and a sequence number. Segments only gain rows and deletion marks with later
/// numbers, so the view needs no lock and does not change.
package struct ReadView: Sendable {
    package let lsn: SequenceNumber
    /// Oldest first; the last one may be growing.
    package let segments: [any Segment]
    package let schema: CollectionSchema
    /// What ends the read that looks; nil: nothing.
    package var interruption: Interruption?
    /// Threads that take parts of a long search while they have nothing else to do; nil: none.
    package var helpers: WorkerPool?
    /// What the planner counts with.
    package var costs = CostModel.typical

    package var configuration: CollectionConfiguration { schema.configuration }

    /// Where a point lies.
    package struct Location: Hashable, Sendable {
        package let segment: Int
        package let row: Int
    }

    package func row(of id: PointID) -> Location? {
        for index in segments.indices.reversed() {
            if let row = segments[index].row(of: id, at: lsn) {
                return Location(segment: index, row: row)
            }
        }
        return nil
    }

    /// Points in the view. O(segments), or O(rows) of the segments that have deletions.
    package var pointCount: Int {
        segments.reduce(0) { sum, segment in
            sum + segment.deletions.visibleCount(among: segment.writtenCount(through: lsn), at: lsn)
        }
    }

    package func storedPoint(at location: Location) throws -> StoredPoint {
        let segment = segments[location.segment]
        var dense: [String: [Float]] = [:]
        for (name, field) in try segment.denseFields {
            dense[name] = field.vector(at: location.row)
        }
        return StoredPoint(
            id: segment.id(at: location.row), dense: schema.visible(dense),
            payload: try segment.payloadBytes(at: location.row),
            others: schema.visible(try segment.extras(at: location.row)))
    }

    package func record(
        at location: Location, payload: PayloadSelector, vectors: VectorSelector
    ) throws -> Record {
        let segment = segments[location.segment]
        return Record(
            id: segment.id(at: location.row),
            payload: try segment.payload(selected: payload, at: location.row),
            vectors: try segment.vectors(schema.visible(vectors), at: location.row))
    }

    /// Calls `body` with every visible row that matches; nil or an empty filter: all of them.
    package func forEachRow(
        matching filter: Filter?, _ body: (any Segment, Int) throws -> Void
    ) throws {
        for segment in segments {
            let written = segment.writtenCount(through: lsn)
            guard let filter, !filter.isEmpty else {
                for row in 0..<written where segment.deletions.isVisible(row, at: lsn) {
                    try checkInterruption(at: row)
                    try body(segment, row)
                }
                continue
            }
            try matches(filter, in: segment, writtenCount: written).forEach { row in
                // The remembered answer may reach further than this view.
                if row < written, segment.deletions.isVisible(row, at: lsn) {
                    try checkInterruption(at: row)
                    try body(segment, row)
                }
            }
        }
    }

    /// Throws when the read is to end; loops over rows call it with each.
    func checkInterruption(at row: Int) throws {
        if row % 256 == 0 { try interruption?.check() }
    }

    package func count(_ filter: Filter?) throws -> Int {
        guard let filter, !filter.isEmpty else { return pointCount }
        return try segments.reduce(0) { try $0 + count(filter, in: $1) }
    }

    /// Points of one segment that match.
    func count(_ filter: Filter, in segment: any Segment) throws -> Int {
        let written = segment.writtenCount(through: lsn)
        let matches = try matches(filter, in: segment, writtenCount: written)
        guard segment.deletions.count > 0 else { return matches.cardinality(below: written) }
        var count = 0
        matches.forEach { row in
            if row < written, segment.deletions.isVisible(row, at: lsn) { count += 1 }
        }
        return count
    }
}

extension ReadView {
    /// The rows of a segment that match a filter. The answer covers at least `writtenCount` rows;
    /// deleted rows are among them.
    package func matches(
        _ filter: Filter, in segment: any Segment, writtenCount: Int
    ) throws -> Bitmap {
        try matches(schema.key(of: filter), in: segment, writtenCount: writtenCount)
    }

    /// The same, told to `recorder` beside what was estimated.
    func matches(
        _ key: FilterCache.Key, in segment: any Segment, writtenCount: Int,
        recorder: SearchRecorder? = nil, estimate: Cardinality? = nil
    ) throws -> Bitmap {
        let start = recorder.map { _ in ContinuousClock.now }
        var readCount: Int?
        let matches = try segment.filterCache.matches(key, rowCount: writtenCount) {
            matches, rows in
            readCount = try segment.evaluate(
                key.filter, key.compiled, rows, indexedFields: schema.indexedFields,
                interruption: interruption, into: &matches)
        }
        if let recorder, let start {
            recorder.noteFilter(
                matchCount: matches.cardinality(below: writtenCount), estimate: estimate,
                rowsRead: readCount, duration: ContinuousClock.now - start)
        }
        return matches
    }
}

extension Segment {
    /// The part of the row's payload that was asked for; nil when none was.
    package func payload(selected selector: PayloadSelector, at row: Int) throws -> Payload? {
        if case .none = selector { return nil }
        return try payload(at: row).selecting(selector)
    }
}
