package import ApusCore

/// A JSON Lines file (plain or gzip) with one point a line; empty lines are passed over.
package struct JSONLinesSource: PointSource {
    private let lines: LineReader
    package let fields: [VectorField]
    /// The first line, which was read to know the fields.
    private var waiting: [UInt8]?

    package init(_ lines: LineReader) throws(PipelineError) {
        self.lines = lines
        guard let first = try Self.nextFilled(lines) else {
            throw .malformed(
                file: lines.file.path, .line(lines.lineNumber + 1, column: 1),
                expected: "a point", found: "the end of the file")
        }
        waiting = first
        fields = VectorField.fields(of: try lines.point(first))
    }

    package var count: Int? { nil }

    package var fractionRead: Double { lines.fractionRead }

    package mutating func skip(_ count: Int) throws(PipelineError) -> [PointID] {
        let sample = Set(SkipSample.rows(of: count))
        var ids: [PointID] = []
        for row in 0..<count {
            guard let line = try nextLine() else { break }
            if sample.contains(row) { ids.append(try lines.point(line).id) }
        }
        return ids
    }

    package mutating func next(_ limit: Int) throws(PipelineError) -> [Point] {
        var points: [Point] = []
        while points.count < limit, let line = try nextLine() {
            points.append(try lines.point(line))
        }
        return points
    }

    private mutating func nextLine() throws(PipelineError) -> [UInt8]? {
        if let line = waiting {
            waiting = nil
            return line
        }
        return try Self.nextFilled(lines)
    }

    private static func nextFilled(_ lines: LineReader) throws(PipelineError) -> [UInt8]? {
        while let line = try lines.next() {
            if line.contains(where: { $0 > 0x20 }) { return line }
        }
        return nil
    }
}
