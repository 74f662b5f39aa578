import Apus
import ApusCore

/// A piece of a change that fits into a message: clients take 4 MiB at most unless they are told
/// otherwise, and a batch may be larger.
struct ChangePart: Sendable {
    var version: SequenceNumber
    var time: UInt64?
    var upserts: ArraySlice<Point>
    var deletes: ArraySlice<PointID>
    /// With it the change is complete.
    var isLast: Bool
}

extension CollectionChange {
    private static let partBytesMax = 1 << 20
    private static let partDeletesMax = 16_384

    /// At least one; a point is never split.
    var parts: [ChangePart] {
        var parts: [ChangePart] = []
        var start = 0
        var byteCount = 0
        for (index, point) in upserts.enumerated() {
            let size = point.estimatedByteCount
            if index > start, byteCount + size > Self.partBytesMax {
                parts.append(part(upserts[start..<index]))
                start = index
                byteCount = 0
            }
            byteCount += size
        }
        // The first deletions go with the last points.
        parts.append(part(upserts[start...], deletes.prefix(Self.partDeletesMax)))
        for start in stride(
            from: Self.partDeletesMax, to: deletes.count, by: Self.partDeletesMax)
        {
            parts.append(part([], deletes[start...].prefix(Self.partDeletesMax)))
        }
        parts[parts.count - 1].isLast = true
        return parts
    }

    private func part(
        _ upserts: ArraySlice<Point>, _ deletes: ArraySlice<PointID> = []
    ) -> ChangePart {
        ChangePart(
            version: sequenceNumber, time: time, upserts: upserts, deletes: deletes, isLast: false)
    }
}

extension Point {
    /// About as many as it takes on the wire.
    fileprivate var estimatedByteCount: Int {
        let vectors = vectors.values.reduce(0) { sum, vector in
            switch vector {
            case .dense(let floats): sum + 4 * floats.count
            case .sparse(let sparse): sum + 8 * sparse.indices.count
            case .multi(let rows): sum + rows.reduce(0) { $0 + 4 * $1.count }
            }
        }
        return 64 + vectors + JSONValue.object(payload).estimatedByteCount
    }
}

extension JSONValue {
    fileprivate var estimatedByteCount: Int {
        switch self {
        case .string(let text): 8 + text.utf8.count
        case .array(let values): values.reduce(8) { $0 + $1.estimatedByteCount }
        case .object(let members):
            members.reduce(8) { $0 + $1.key.utf8.count + $1.value.estimatedByteCount }
        case .null, .bool, .integer, .double: 10
        }
    }
}
