/// One change to a collection. Operations apply in the order in which they are submitted.
public enum WriteOperation: Hashable, Sendable {
    /// Replaces each point as a whole. The last of several points with one id wins.
    case upsert([Point])
    /// The same for those of the points that the condition admits; it looks at what the operations
    /// before it made of them.
    case conditionalUpsert([Point], UpdateCondition)
    case delete(PointSelection)
    /// Sets the given vectors of existing points and keeps their others.
    case updateVectors([PointVectors])
    /// The same for those of the points that match.
    case conditionalUpdateVectors([PointVectors], Filter)
    case deleteVectors(names: [String], PointSelection)
    /// Merges the keys into the payload, or into the object at `key`.
    case setPayload(Payload, key: PayloadPath?, PointSelection)
    case overwritePayload(Payload, key: PayloadPath?, PointSelection)
    case deletePayload(keys: [PayloadPath], PointSelection)
    case clearPayload(PointSelection)
}

/// The points that an operation concerns.
public enum PointSelection: Hashable, Sendable {
    case ids([PointID])
    /// All points that match; an empty filter means every point.
    case filter(Filter)
}

/// Which points an upsert writes.
public struct UpdateCondition: Hashable, Sendable {
    public enum Mode: String, Hashable, Sendable, CaseIterable {
        case upsert
        /// Points that exist stay as they are.
        case insertOnly = "insert_only"
        /// Points that do not exist are passed over.
        case updateOnly = "update_only"
    }

    public var mode: Mode
    /// What a point that exists has to satisfy to be replaced; nil: nothing.
    public var filter: Filter?

    public init(mode: Mode = .upsert, filter: Filter? = nil) {
        self.mode = mode
        self.filter = filter
    }
}

extension WriteOperation {
    /// The upsert that `condition` makes of it; the plain one when it admits every point.
    package static func upsert(
        _ points: [Point], where condition: UpdateCondition
    ) -> WriteOperation {
        condition.mode == .upsert && condition.filter == nil
            ? .upsert(points) : .conditionalUpsert(points, condition)
    }

    package static func updateVectors(
        _ points: [PointVectors], where filter: Filter?
    ) -> WriteOperation {
        filter.map { .conditionalUpdateVectors(points, $0) } ?? .updateVectors(points)
    }
}

/// New values for some vector fields of a point.
public struct PointVectors: Hashable, Sendable {
    public var id: PointID
    public var vectors: [String: Vector]

    public init(id: PointID, vectors: [String: Vector]) {
        self.id = id
        self.vectors = vectors
    }
}

/// When a write is answered.
public enum Acknowledgement: Hashable, Sendable {
    /// Once searches see the batch and it is on disk, or will be within the time that the
    /// collection's durability allows.
    case completed
    /// Once the batch is validated and queued; it becomes durable and visible a little later.
    case accepted
}

/// What became of a write.
public struct WriteResult: Hashable, Sendable {
    public var sequenceNumber: SequenceNumber
    public var acknowledgement: Acknowledgement

    public init(sequenceNumber: SequenceNumber, acknowledgement: Acknowledgement) {
        self.sequenceNumber = sequenceNumber
        self.acknowledgement = acknowledgement
    }
}
