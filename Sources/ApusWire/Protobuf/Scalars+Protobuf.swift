// Numbers, paths and times as the wire carries them.

package import ApusCore
package import SwiftProtobuf

extension Int {
    /// A count or a limit. A point's number within its collection has 32 bits, so more than that
    /// means "all", and sums of such numbers cannot overflow.
    package init(count: UInt64) {
        self = Int(Swift.min(count, UInt64(UInt32.max)))
    }
}

extension UInt64 {
    /// Negative numbers, which no count of ours is, become 0.
    package init(count: Int) { self.init(clamping: count) }
}

extension PayloadPath {
    /// Throws `invalidArgument` unless `text` is a path; `field` says whose it is.
    package init(text: String, field: String) throws(DatabaseError) {
        guard let path = PayloadPath(text) else {
            throw DatabaseError(
                .invalidArgument, "Wrong input: Invalid JSON path in \(field): '\(text)'")
        }
        self = path
    }

    package static func paths(
        _ texts: [String], field: String
    ) throws(DatabaseError) -> [PayloadPath] {
        try texts.map { text throws(DatabaseError) in try PayloadPath(text: text, field: field) }
    }
}

extension Timestamp {
    /// Nanoseconds are cut to microseconds. Throws `invalidArgument` for times that no calendar
    /// date of four digits has.
    package init(_ message: Google_Protobuf_Timestamp) throws(DatabaseError) {
        guard (-62_135_596_800...253_402_300_799).contains(message.seconds),
            (0...999_999_999).contains(message.nanos)
        else {
            throw DatabaseError(
                .invalidArgument,
                "Wrong input: A timestamp of \(message.seconds) s and \(message.nanos) ns is out of range"
            )
        }
        self.init(microseconds: message.seconds * 1_000_000 + Int64(message.nanos / 1000))
    }
}

/// Checks a number that has a least value, with the text that clients know.
package func requireAtLeastOne(_ value: Int, _ field: String) throws(DatabaseError) {
    guard value >= 1 else {
        throw DatabaseError(
            .validation,
            "Validation error in body: [\(field): value \(value) invalid, must be 1 or larger]")
    }
}
