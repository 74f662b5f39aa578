/// A value inside a payload, in whichever form the payload is kept; filters are evaluated over it.
///
/// There are two: `JSONValue`, and `EncodedValue`, which reads a payload's bytes in place.
package protocol PayloadNode {
    var kind: PayloadNodeKind { get }

    /// The UTF-8 of a string; nil for any other value.
    func withText<Result>(_ body: (borrowing Span<UInt8>) -> Result) -> Result?

    /// The number of elements of an array; 0 for any other value.
    var elementCount: Int { get }

    /// Whether `condition` holds for an element of an array, asked in order until it does.
    func anyElement(_ condition: (Self) -> Bool) -> Bool

    /// An element of an array; nil beyond its end, and for any other value.
    func element(at index: Int) -> Self?

    /// A member of an object; nil when it has none of this key, and for any other value.
    func member(_ key: PayloadKey) -> Self?
}

/// What a node is, with its value where that is a plain number.
package enum PayloadNodeKind: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case double(Double)
    case string
    case array
    case object
}

/// An object's key in the two forms that lookups need.
package struct PayloadKey: Hashable, Sendable {
    package let text: String
    package let utf8: [UInt8]

    package init(_ text: String) {
        self.text = text
        utf8 = Array(text.utf8)
    }
}

extension JSONValue: PayloadNode {
    package var kind: PayloadNodeKind {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .integer(value)
        case .double(let value): .double(value)
        case .string: .string
        case .array: .array
        case .object: .object
        }
    }

    package func withText<Result>(_ body: (borrowing Span<UInt8>) -> Result) -> Result? {
        guard case .string(let text) = self else { return nil }
        return body(text.utf8Span.span)
    }

    package var elementCount: Int {
        guard case .array(let elements) = self else { return 0 }
        return elements.count
    }

    package func anyElement(_ condition: (JSONValue) -> Bool) -> Bool {
        guard case .array(let elements) = self else { return false }
        return elements.contains(where: condition)
    }

    package func element(at index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else {
            return nil
        }
        return elements[index]
    }

    package func member(_ key: PayloadKey) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key.text]
    }
}
