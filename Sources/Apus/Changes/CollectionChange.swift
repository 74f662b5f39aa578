public import ApusCore

/// What one batch made of a collection's points.
public struct CollectionChange: Sendable {
    /// Its number: the version that reads see with it.
    public var sequenceNumber: SequenceNumber
    /// When it was written, in milliseconds since 1970; nil: not known.
    public var time: UInt64?
    /// Points as a whole, as they are after it. Vectors of cosine fields have length 1.
    public var upserts: [Point]
    /// Points that are gone after it; some may not have been there before.
    public var deletes: [PointID]
}

extension CollectionChange {
    /// Throws for a payload that cannot be decoded.
    init(_ batch: WriteBatch, _ sequenceNumber: SequenceNumber) throws(MalformedBytes) {
        self.sequenceNumber = sequenceNumber
        time = batch.time == 0 ? nil : batch.time
        upserts = []
        deletes = []
        for effect in batch.effects {
            switch effect {
            case .delete(let id): deletes.append(id)
            case .put(let point):
                let payload = try decoding(point.payload) { (reader) throws(MalformedBytes) in
                    try reader.readPayload()
                }
                upserts.append(
                    Point(
                        id: point.id,
                        vectors: point.dense.mapValues { .dense($0) }
                            .merging(point.others) { $1 },
                        payload: payload))
            }
        }
    }
}
