internal import ApusCore
internal import ApusIndex
private import Synchronization

/// Payload indexes of the first rows of a growing segment, in runs of rows.
///
/// Rows do not change, so a run's indexes are made once, when enough new rows have come; eight runs
/// of one size become one of the next, as in a log-structured merge tree, so that a filter asks few of
/// them and each row is indexed as often as there are sizes. The rows behind the last run are fewer
/// than `runSizes[0]` once background work has caught up; filters look at these one by one.
final class GrowingPayloadIndex: Sendable {
    /// Ascending, each 8 times the one before.
    private static let runSizes = [1024, 8192, 65536]

    private struct Run: Sendable {
        let rows: Range<Int>
        let fields: [PayloadPath: PayloadIndex]
    }

    private struct State {
        var fields: [PayloadPath: PayloadFieldSchema] = [:]
        var runs: [Run] = []

        var end: Int { runs.last?.rows.upperBound ?? 0 }
    }

    private let state = Mutex(State())

    /// The runs; none while these are not the indexes that are wanted.
    func rows(_ fields: [PayloadPath: PayloadFieldSchema]) -> [IndexedRows] {
        let runs = state.withLock { $0.fields == fields ? $0.runs : [] }
        return runs.map { run in
            let fields = run.fields
            return IndexedRows(rows: run.rows) { fields[$0] }
        }
    }

    var byteCount: Int {
        state.withLock { state in
            state.runs.reduce(0) { $0 + $1.fields.values.reduce(0) { $0 + $1.byteCount } }
        }
    }

    /// Whether a run can be made of `rowCount` rows.
    func isBehind(_ rowCount: Int, _ fields: [PayloadPath: PayloadFieldSchema]) -> Bool {
        state.withLock { state in
            if state.fields != fields { return true }
            return !fields.isEmpty && rowCount - state.end >= Self.runSizes[0]
        }
    }

    /// Makes the next run, if there are rows for one; false when there are not. One thread at a
    /// time.
    func extend(
        to rowCount: Int, _ fields: [PayloadPath: PayloadFieldSchema],
        forEachPayload: (Range<Int>, (Int, EncodedPayload) -> Void) throws -> Void
    ) throws -> Bool {
        guard isBehind(rowCount, fields) else { return false }
        let start = state.withLock { state in
            if state.fields != fields { state = State(fields: fields) }
            return state.end
        }
        guard !fields.isEmpty, rowCount - start >= Self.runSizes[0] else { return true }
        // The largest run that ends with the next rows, in place of the smaller ones in it, or that
        // begins with them.
        var rows = start..<(start + Self.runSizes[0])
        for size in Self.runSizes {
            if start % size == 0, start + size <= rowCount { rows = start..<(start + size) }
            if rows.upperBound % size == 0 { rows = (rows.upperBound - size)..<rows.upperBound }
        }
        let run = Run(
            rows: rows,
            fields: try PayloadIndex.made(of: fields, rows: rows, forEachPayload: forEachPayload))
        state.withLock { state in
            state.runs.removeAll { rows.contains($0.rows.lowerBound) }
            state.runs.append(run)
        }
        return true
    }
}

extension PayloadIndex {
    /// The indexes of fields over a range of rows, which are numbered from its beginning.
    static func made(
        of fields: [PayloadPath: PayloadFieldSchema], rows: Range<Int>,
        forEachPayload: (Range<Int>, (Int, EncodedPayload) -> Void) throws -> Void
    ) throws -> [PayloadPath: PayloadIndex] {
        let order = Array(fields)
        var builders = order.map { field, schema in
            PayloadIndexBuilder(field, schema, rowCount: rows.count)
        }
        try forEachPayload(rows) { row, payload in
            for index in builders.indices {
                builders[index].add(payload, at: row - rows.lowerBound)
            }
        }
        var made: [PayloadPath: PayloadIndex] = [:]
        for ((field, schema), builder) in zip(order, builders) {
            made[field] = try PayloadIndex(copying: builder.encoded(), of: field, schema)
        }
        return made
    }
}
