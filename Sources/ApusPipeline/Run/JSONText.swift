package import ApusCore
private import Foundation

/// JSON values as text (RFC 8259), with members in the order of their names.
package enum JSONText {
    /// Numbers that JSON cannot say become strings.
    package static func bytes(of value: JSONValue) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return [UInt8]((try? encoder.encode(value)) ?? Data("null".utf8))
    }
}
