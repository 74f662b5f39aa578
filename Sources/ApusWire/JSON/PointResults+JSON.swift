package import ApusCore

// How found and stored points are written. What was not asked for is left out.

extension JSONWriter {
    mutating func writeQueryResult(_ points: [ScoredPoint]) {
        beginObject()
        key("points")
        array(points) { $0.write($1) }
        endObject()
    }

    package mutating func write(_ point: ScoredPoint) {
        beginObject()
        key("id")
        write(point.id)
        key("version")
        write(point.version.rawValue)
        key("score")
        write(point.score)
        writeDetails(point.payload, point.vectors, point.orderValue)
        endObject()
    }

    package mutating func write(_ record: Record) {
        beginObject()
        key("id")
        write(record.id)
        writeDetails(record.payload, record.vectors, record.orderValue)
        endObject()
    }

    package mutating func write(_ group: PointGroup) {
        beginObject()
        key("hits")
        array(group.hits) { $0.write($1) }
        key("id")
        switch group.id {
        case .string(let text): write(text)
        case .integer(let number): write(number)
        case .unsigned(let number): write(number)
        }
        if let lookup = group.lookup {
            key("lookup")
            write(lookup)
        }
        endObject()
    }

    package mutating func write(_ result: WriteResult) {
        beginObject()
        key("operation_id")
        write(result.sequenceNumber.rawValue)
        switch result.acknowledgement {
        case .completed: member("status", "completed")
        case .accepted: member("status", "acknowledged")
        }
        endObject()
    }

    private mutating func writeDetails(
        _ payload: Payload?, _ vectors: [String: Vector]?, _ orderValue: OrderValue?
    ) {
        if let payload {
            key("payload")
            write(payload)
        }
        if let vectors {
            key("vector")
            write(vectors: vectors)
        }
        switch orderValue {
        case .integer(let value)?:
            key("order_value")
            write(value)
        case .double(let value)?:
            key("order_value")
            write(value)
        case nil: break
        }
    }
}
