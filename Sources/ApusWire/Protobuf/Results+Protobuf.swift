// What answers carry.

package import ApusCore
package import ApusProto

extension Qdrant_ScoredPoint {
    package init(_ point: ScoredPoint) {
        self.init(besidesScore: point)
        id = Qdrant_PointId(point.id)
        score = point.score
        version = point.version.rawValue
    }

    /// Only what not every point has: payload, vectors, the value that it is ordered by.
    init(besidesScore point: ScoredPoint) {
        self.init()
        if let payload = point.payload { self.payload = Qdrant_Value.fields(payload) }
        if let vectors = point.vectors { self.vectors = Qdrant_VectorsOutput(vectors) }
        if let value = point.orderValue { orderValue = Qdrant_OrderValue(value) }
    }
}

extension Qdrant_RetrievedPoint {
    package init(_ record: Record) {
        self.init()
        id = Qdrant_PointId(record.id)
        if let payload = record.payload { self.payload = Qdrant_Value.fields(payload) }
        if let vectors = record.vectors { self.vectors = Qdrant_VectorsOutput(vectors) }
        if let value = record.orderValue { orderValue = Qdrant_OrderValue(value) }
    }
}

extension Qdrant_OrderValue {
    init(_ value: OrderValue) {
        self.init()
        switch value {
        case .integer(let value): int = value
        case .double(let value): float = value
        }
    }
}

extension Qdrant_BatchResult {
    package init(_ points: [ScoredPoint]) {
        self.init()
        result = points.map { Qdrant_ScoredPoint($0) }
    }
}

extension Qdrant_GroupsResult {
    package init(_ groups: [PointGroup]) {
        self.init()
        self.groups = groups.map { Qdrant_PointGroup($0) }
    }
}

extension Qdrant_PointGroup {
    init(_ group: PointGroup) {
        self.init()
        id = Qdrant_GroupId(group.id)
        hits = group.hits.map { Qdrant_ScoredPoint($0) }
        if let lookup = group.lookup { self.lookup = Qdrant_RetrievedPoint(lookup) }
    }
}

extension Qdrant_GroupId {
    init(_ id: GroupID) {
        self.init()
        switch id {
        case .string(let value): stringValue = value
        case .integer(let value): integerValue = value
        case .unsigned(let value): unsignedValue = value
        }
    }
}

extension Qdrant_UpdateResult {
    package init(_ result: WriteResult) {
        self.init()
        operationID = result.sequenceNumber.rawValue
        switch result.acknowledgement {
        case .completed: status = .completed
        case .accepted: status = .acknowledged
        }
    }
}
