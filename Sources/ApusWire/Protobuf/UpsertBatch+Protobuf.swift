package import ApusCore
package import ApusProto

extension Point {
    /// The points of a batch of a bulk upsert: those that come one by one, and those in columns.
    package static func points(
        _ message: Apus_V1_UpsertBatch
    ) throws(DatabaseError) -> [Point] {
        var points = try points(message.points)
        if message.hasColumns { points += try self.points(message.columns) }
        return points
    }

    private static func points(
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
