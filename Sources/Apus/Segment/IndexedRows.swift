package import ApusCore
package import ApusIndex

/// Payload indexes of some rows of a segment.
package struct IndexedRows: Sendable {
    /// Begins at a multiple of 64.
    package let rows: Range<Int>
    /// The index of a field; its rows are numbered from the beginning of `rows`. nil: there is none.
    package let index: @Sendable (PayloadPath) throws -> PayloadIndex?
}

extension Segment {
    /// Adds to `matches` the rows of a range that match: where there are payload indexes by these,
    /// elsewhere, and where they leave some open, by looking at rows.
    ///
    /// Rows below the range that match may be added as well. Returns how many rows it looked at.
    func evaluate(
        _ filter: Filter, _ compiled: CompiledFilter, _ range: Range<Int>,
        indexedFields: [PayloadPath: PayloadFieldSchema], interruption: Interruption?,
        into matches: inout Bitmap
    ) throws -> Int {
        var next = range.lowerBound
        var readCount = 0
        for part in indexedRows(indexedFields)
        where part.rows.upperBound > next && part.rows.lowerBound < range.upperBound {
            let start = part.rows.lowerBound
            let end = min(part.rows.upperBound, range.upperBound)
            if let found = try indexed(part).rows(filter) {
                if found.isExact {
                    matches.formUnion(found.rows, from: start)
                } else {
                    readCount += try evaluate(
                        compiled, found.rows, from: start, next..<end, interruption,
                        into: &matches)
                }
                next = end
            } else {
                // The other rows have no more indexes than these.
                break
            }
        }
        try evaluate(
            compiled, next..<max(next, range.upperBound), interruption, into: &matches)
        return readCount + max(0, range.upperBound - next)
    }

    private func indexed(_ part: IndexedRows) -> IndexedFilter {
        IndexedFilter(
            rowCount: part.rows.count,
            rowsOfIDs: { ids in
                ids.flatMap { self.rows(of: $0) }.filter(part.rows.contains)
                    .map { $0 - part.rows.lowerBound }
            },
            index: part.index)
    }

    /// How many of the rows below `rowCount` match, and how many `evaluate` would look at, as indexes
    /// tell without a look at any.
    func estimate(
        _ filter: Filter, rowCount: Int, indexedFields: [PayloadPath: PayloadFieldSchema]
    ) throws -> FilterEstimate {
        var (estimate, known) = (FilterEstimate(.exactly(0)), 0)
        for part in indexedRows(indexedFields) where part.rows.upperBound <= rowCount {
            estimate = estimate + (try indexed(part).estimate(filter))
            known = part.rows.upperBound
        }
        return known == rowCount ? estimate : estimate + .unknown(of: rowCount - known)
    }

    /// How many of some rows match that lie at equal distances among the first `rowCount`, a few next
    /// to each other: files have payloads in blocks.
    func sample(_ filter: CompiledFilter, rowCount: Int) throws -> FilterCache.Sample {
        var sample = FilterCache.Sample(rowCount: 0, matchCount: 0)
        let step = max(SampledRows.neighbours, rowCount / SampledRows.places)
        for start in stride(from: 0, to: rowCount, by: step) {
            let rows = start..<min(start + SampledRows.neighbours, rowCount)
            var matches = Bitmap(count: rows.upperBound)
            try evaluate(filter, rows, nil, into: &matches)
            sample.rowCount += rows.count
            sample.matchCount += matches.cardinality
        }
        return sample
    }

    /// The same for those of `candidates`, numbered from `start`, that lie in the range.
    private func evaluate(
        _ filter: CompiledFilter, _ candidates: Bitmap, from start: Int, _ range: Range<Int>,
        _ interruption: Interruption?, into matches: inout Bitmap
    ) throws -> Int {
        var readCount = 0
        try candidates.forEach { candidate in
            let row = start + candidate
            guard range.contains(row) else { return }
            readCount += 1
            if readCount % 256 == 0 { try interruption?.check() }
            let payload = filter.needsPayload ? try payloadBytes(at: row) : []
            matches[row] = try unsafe payload.withUnsafeBytes { bytes in
                try unsafe self.matches(filter, row, EncodedPayload(bytes))
            }
        }
        return readCount
    }

    private func evaluate(
        _ filter: CompiledFilter, _ rows: Range<Int>, _ interruption: Interruption?,
        into matches: inout Bitmap
    ) throws {
        if filter.needsPayload {
            unsafe try forEachPayload(in: rows) { row, payload in
                if row % 256 == 0 { try interruption?.check() }
                matches[row] = unsafe try self.matches(filter, row, EncodedPayload(payload))
            }
        } else {
            for row in rows {
                if row % 256 == 0 { try interruption?.check() }
                matches[row] = unsafe try self.matches(
                    filter, row, EncodedPayload(UnsafeRawBufferPointer(start: nil, count: 0)))
            }
        }
    }

    /// Whether a row, whose payload is given, matches.
    func matches(
        _ filter: CompiledFilter, _ row: Int, _ payload: EncodedPayload
    ) throws -> Bool {
        // The test for a vector may find damage; no answer is remembered then.
        var failure: (any Error)?
        let matches = filter.matches(id: id(at: row), payload: payload) { name in
            do { return try hasVector(name, at: row) } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        return matches
    }

    private func hasVector(_ name: String, at row: Int) throws -> Bool {
        if let field = try denseField(name) { return field.hasVector(at: row) }
        return try extras(at: row)[name] != nil
    }
}

private enum SampledRows {
    static let places = 24
    static let neighbours = 6
}
