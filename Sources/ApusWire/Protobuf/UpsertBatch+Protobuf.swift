package import ApusCore
package import ApusProto
private import Foundation

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

extension Apus_V1_UpsertBatch {
    /// Points whose one vector is dense, of the first such one's field and dimension, go into columns,
    /// which costs both sides less; others come one by one. No id may come twice.
    package init(points: [Point]) {
        self.init()
        var (columns, column) = (Apus_V1_PointColumns(), Apus_V1_VectorColumn())
        var others: [Qdrant_PointStruct] = []
        for point in points {
            guard point.vectors.count == 1,
                case (let field, .dense(let values))? = point.vectors.first
            else {
                others.append(Qdrant_PointStruct(point))
                continue
            }
            let dimension = UInt32(clamping: values.count)
            if columns.ids.isEmpty {
                column.field = field
                column.dimension = dimension
                column.values.reserveCapacity(values.count * points.count)
            }
            guard column.field == field, column.dimension == dimension else {
                others.append(Qdrant_PointStruct(point))
                continue
            }
            column.values += values
            columns.ids.append(Qdrant_PointId(point.id))
            var writer = JSONWriter()
            writer.write(point.payload)
            columns.payloads.append(Data(writer.bytes))
        }
        self.points = others
        guard !columns.ids.isEmpty else { return }
        columns.vectors = [column]
        self.columns = columns
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
