/// The position of a batch in its collection's history (LSN); the first batch has number 1.
public struct SequenceNumber: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let rawValue: UInt64

    public init(_ rawValue: UInt64) { self.rawValue = rawValue }

    /// Before the first batch.
    public static let zero = SequenceNumber(0)

    /// The number of the next batch.
    public var next: SequenceNumber { SequenceNumber(rawValue + 1) }

    public static func < (left: SequenceNumber, right: SequenceNumber) -> Bool {
        left.rawValue < right.rawValue
    }

    public var description: String { String(rawValue) }
}
