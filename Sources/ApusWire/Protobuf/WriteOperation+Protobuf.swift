package import ApusCore
package import ApusProto

extension Point {
    package init(_ message: Qdrant_PointStruct) throws(DatabaseError) {
        self.init(
            id: try PointID(message.id),
            vectors: try vectorsByName(message.vectors),
            payload: Payload(message.payload))
    }

    static func points(_ messages: [Qdrant_PointStruct]) throws(DatabaseError) -> [Point] {
        try messages.map { message throws(DatabaseError) in try Point(message) }
    }
}

extension Qdrant_PointStruct {
    package init(_ point: Point) {
        self.init()
        id = Qdrant_PointId(point.id)
        vectors = Qdrant_Vectors(point.vectors)
        payload = Qdrant_Value.fields(point.payload)
    }
}

extension WriteOperation {
    package init(_ message: Qdrant_UpsertPoints) throws(DatabaseError) {
        self = .upsert(
            try Point.points(message.points),
            where: UpdateCondition(
                mode: try UpdateCondition.Mode(message.updateMode),
                filter: message.hasUpdateFilter ? try Filter(message.updateFilter) : nil))
    }

    package init(_ message: Qdrant_DeletePoints) throws(DatabaseError) {
        self = .delete(try PointSelection(message.points))
    }

    package init(_ message: Qdrant_UpdatePointVectors) throws(DatabaseError) {
        self = .updateVectors(
            try PointVectors.list(message.points),
            where: message.hasUpdateFilter ? try Filter(message.updateFilter) : nil)
    }

    package init(_ message: Qdrant_DeletePointVectors) throws(DatabaseError) {
        self = .deleteVectors(
            names: message.vectors.names, try PointSelection(message.pointsSelector))
    }

    package init(_ message: Qdrant_DeletePayloadPoints) throws(DatabaseError) {
        self = .deletePayload(
            keys: try PayloadPath.paths(message.keys, field: "keys"),
            try PointSelection(message.pointsSelector))
    }

    package init(_ message: Qdrant_ClearPayloadPoints) throws(DatabaseError) {
        self = .clearPayload(try PointSelection(message.points))
    }

    /// The methods that set and that overwrite payloads have one request message.
    package static func setPayload(
        _ message: Qdrant_SetPayloadPoints
    ) throws(DatabaseError) -> WriteOperation {
        .setPayload(
            Payload(message.payload), key: try key(message.hasKey ? message.key : nil),
            try PointSelection(message.pointsSelector))
    }

    package static func overwritePayload(
        _ message: Qdrant_SetPayloadPoints
    ) throws(DatabaseError) -> WriteOperation {
        .overwritePayload(
            Payload(message.payload), key: try key(message.hasKey ? message.key : nil),
            try PointSelection(message.pointsSelector))
    }

    /// One operation of a batch.
    package init(_ message: Qdrant_PointsUpdateOperation) throws(DatabaseError) {
        switch message.operation {
        case .upsert(let operation):
            self = .upsert(
                try Point.points(operation.points),
                where: UpdateCondition(
                    mode: try UpdateCondition.Mode(operation.updateMode),
                    filter: operation.hasUpdateFilter ? try Filter(operation.updateFilter) : nil))
        case .deletePoints(let operation):
            self = .delete(try PointSelection(operation.points))
        case .deleteDeprecated(let selector):
            self = .delete(try PointSelection(selector))
        case .setPayload(let operation):
            self = .setPayload(
                Payload(operation.payload),
                key: try Self.key(operation.hasKey ? operation.key : nil),
                try PointSelection(operation.pointsSelector))
        case .overwritePayload(let operation):
            self = .overwritePayload(
                Payload(operation.payload),
                key: try Self.key(operation.hasKey ? operation.key : nil),
                try PointSelection(operation.pointsSelector))
        case .deletePayload(let operation):
            self = .deletePayload(
                keys: try PayloadPath.paths(operation.keys, field: "keys"),
                try PointSelection(operation.pointsSelector))
        case .clearPayload_p(let operation):
            self = .clearPayload(try PointSelection(operation.points))
        case .clearPayloadDeprecated_p(let selector):
            self = .clearPayload(try PointSelection(selector))
        case .updateVectors(let operation):
            self = .updateVectors(
                try PointVectors.list(operation.points),
                where: operation.hasUpdateFilter ? try Filter(operation.updateFilter) : nil)
        case .deleteVectors(let operation):
            self = .deleteVectors(
                names: operation.vectors.names, try PointSelection(operation.pointsSelector))
        case nil: throw .wrongInput("An operation of the batch says nothing")
        }
    }

    private static func key(_ text: String?) throws(DatabaseError) -> PayloadPath? {
        guard let text else { return nil }
        return try PayloadPath(text: text, field: "key")
    }
}

extension PointVectors {
    fileprivate static func list(
        _ messages: [Qdrant_PointVectors]
    ) throws(DatabaseError) -> [PointVectors] {
        try messages.map { message throws(DatabaseError) in
            PointVectors(
                id: try PointID(message.id), vectors: try vectorsByName(message.vectors))
        }
    }
}

extension UpdateCondition.Mode {
    fileprivate init(_ message: Qdrant_UpdateMode) throws(DatabaseError) {
        switch message {
        case .upsert: self = .upsert
        case .insertOnly: self = .insertOnly
        case .updateOnly: self = .updateOnly
        case .UNRECOGNIZED(let value):
            throw .wrongInput("There is no update mode with the number \(value)")
        }
    }
}
