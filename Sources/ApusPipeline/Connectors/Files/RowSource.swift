package import ApusCore

/// The rows of a vector file as points: a row's number is its id, and the line of the same number
/// in a JSON Lines file its payload.
package struct RowSource: PointSource {
    package let rows: RowFile
    /// What is added to row numbers to make ids.
    package let firstID: UInt64
    private var payload: LineReader?
    private var position = 0

    package init(
        _ rows: RowFile, payload: LineReader? = nil, firstID: UInt64 = 0
    ) throws(PipelineError) {
        guard firstID <= UInt64.max - UInt64(rows.layout.rowCount) else {
            throw .mismatch("ids from \(firstID) on leave 64 bits")
        }
        self.rows = rows
        self.payload = payload
        self.firstID = firstID
    }

    package var count: Int? { rows.layout.rowCount }

    package var fractionRead: Double {
        rows.layout.rowCount == 0 ? 1 : Double(position) / Double(rows.layout.rowCount)
    }

    package var fields: [VectorField] {
        [VectorField(name: defaultVectorName, kind: .dense(dimension: rows.layout.width))]
    }

    package mutating func skip(_ count: Int) throws(PipelineError) -> [PointID] {
        let start = position
        let count = min(count, rows.layout.rowCount - position)
        for _ in 0..<count {
            if let payload { _ = try line(of: payload) }
            position += 1
        }
        return SkipSample.rows(of: count).map { id(start + $0) }
    }

    package mutating func next(_ limit: Int) throws(PipelineError) -> [Point] {
        let end = position + min(limit, rows.layout.rowCount - position)
        guard end > position else {
            try checkPayloadEnds()
            return []
        }
        let first = position
        let vectors = try rows.floats(first..<end)
        var points: [Point] = []
        points.reserveCapacity(end - first)
        for row in 0..<(end - first) {
            var object: Payload = [:]
            if let payload { object = try payload.payload(try line(of: payload)) }
            points.append(
                Point(id: id(first + row), vector: Array(vectors[row]), payload: object))
            position += 1
        }
        return points
    }

    private func id(_ row: Int) -> PointID { .number(firstID + UInt64(row)) }

    private func line(of payload: LineReader) throws(PipelineError) -> [UInt8] {
        guard let line = try payload.next() else {
            throw .mismatch(
                "\(payload.file.path) ends after \(payload.lineNumber) lines, and"
                    + " \(rows.file.path) has \(rows.layout.rowCount) rows")
        }
        return line
    }

    private func checkPayloadEnds() throws(PipelineError) {
        guard let payload, try payload.next() != nil else { return }
        throw .mismatch(
            "\(payload.file.path) has more lines than \(rows.file.path) has rows"
                + " (\(rows.layout.rowCount)): do the two belong together?")
    }
}
