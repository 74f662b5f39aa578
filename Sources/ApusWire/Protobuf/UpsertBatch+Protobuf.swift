package import ApusCore
package import ApusProto

extension UpsertBatch {
    /// Its points are those that come one by one, and those in columns.
    package init(_ message: Apus_V1_UpsertBatch) throws(DatabaseError) {
        self.init(
            sequence: message.sequence, points: try Point.points(message.points),
            position: message.position)
        for id in message.deletes { deletes.append(try PointID(id)) }
        if message.hasColumns { points += try Point.points(message.columns) }
    }
}

extension PipelinePosition {
    package init(_ message: Apus_V1_PipelinePosition) {
        self.init(pipeline: message.pipeline, position: message.position)
    }
}

extension Apus_V1_PipelinePosition {
    package init(_ position: PipelinePosition) {
        self.init()
        pipeline = position.pipeline
        self.position = position.position
    }
}

extension Point {

    fileprivate static func points(
        _ columns: Apus_V1_PointColumns
    ) throws(DatabaseError) -> [Point] {
        let count = columns.ids.count
        guard columns.payloads.isEmpty || columns.payloads.count == count else {
            throw .wrongInput("\(columns.payloads.count) payloads for \(count) ids")
        }
        for column in columns.vectors {
            let expected = count.multipliedReportingOverflow(by: Int(column.dimension))
            guard !expected.overflow, column.values.count == expected.partialValue else {
                throw .wrongInput(
                    "Column `\(column.field)` has \(column.values.count) numbers, expected "
                        + "\(count) vectors of \(column.dimension)")
            }
        }
        guard Set(columns.vectors.map(\.field)).count == columns.vectors.count else {
            throw .wrongInput("Two columns have the vectors of one field")
        }
        var points: [Point] = []
        points.reserveCapacity(count)
        for (index, id) in columns.ids.enumerated() {
            var vectors: [String: Vector] = [:]
            for column in columns.vectors {
                let dimension = Int(column.dimension)
                let start = index * dimension
                vectors[column.field] = .dense(Array(column.values[start..<(start + dimension)]))
            }
            points.append(
                Point(
                    id: try PointID(id), vectors: vectors,
                    payload: columns.payloads.isEmpty
                        ? [:] : try RequestDecoder.payload([UInt8](columns.payloads[index]))))
        }
        return points
    }
}
