package import ApusCore
package import ApusProto

extension JSONValue {
    /// No kind at all reads as null, and so do NaN and the infinities, which JSON lacks.
    ///
    /// The decoder bounds how deep messages nest, and with it the depth of this recursion.
    package init(_ message: Qdrant_Value) {
        switch message.kind {
        case .nullValue, nil: self = .null
        case .doubleValue(let value): self = value.isFinite ? .double(value) : .null
        case .integerValue(let value): self = .integer(value)
        case .stringValue(let value): self = .string(value)
        case .boolValue(let value): self = .bool(value)
        case .structValue(let value): self = .object(Payload(value.fields))
        case .listValue(let value): self = .array(value.values.map { JSONValue($0) })
        }
    }
}

extension Payload {
    package init(_ fields: [String: Qdrant_Value]) {
        self = fields.mapValues { JSONValue($0) }
    }
}

extension Qdrant_Value {
    package init(_ value: JSONValue) {
        self.init()
        switch value {
        case .null: nullValue = .nullValue
        case .bool(let value): boolValue = value
        case .integer(let value): integerValue = value
        case .double(let value): doubleValue = value
        case .string(let value): stringValue = value
        case .array(let values): listValue.values = values.map { Qdrant_Value($0) }
        case .object(let fields): structValue.fields = Self.fields(fields)
        }
    }

    package static func fields(_ payload: Payload) -> [String: Qdrant_Value] {
        payload.mapValues { Qdrant_Value($0) }
    }
}
