package import ApusCore

/// A point id as segments hold it, in memory and on disk: 24 bytes, three little-endian words.
///
/// | offset | type | meaning |
/// |---|---|---|
/// | 0 | u64 | 0: a number, 1: a UUID (persisted) |
/// | 8 | u64 | 0, or the UUID's first eight bytes as a big-endian number |
/// | 16 | u64 | the number, or the UUID's last eight bytes as a big-endian number |
///
/// Records compare as the ids do: word by word.
package struct PointIDRecord: BitwiseCopyable, Comparable, Sendable {
    private let tag: UInt64
    private let high: UInt64
    private let low: UInt64

    package init(_ id: PointID) {
        switch id {
        case .number(let number): (tag, high, low) = (0, 0, number)
        case .uuid(let uuid): (tag, high, low) = (1, uuid.high, uuid.low)
        }
    }

    package var id: PointID {
        tag == 0 ? .number(low) : .uuid(UUIDBytes(high: high, low: low))
    }

    package static func < (left: PointIDRecord, right: PointIDRecord) -> Bool {
        (left.tag, left.high, left.low) < (right.tag, right.high, right.low)
    }
}
