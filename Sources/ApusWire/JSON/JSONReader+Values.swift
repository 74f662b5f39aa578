package import ApusCore

extension JSONReader {
    /// The next value, whatever it is. Of equal keys in an object the last one counts.
    package mutating func readValue() throws(JSONError) -> JSONValue {
        switch try peek() {
        case .object:
            return .object(try readPayload())
        case .array:
            var elements: [JSONValue] = []
            try beginArray()
            while try nextElement() { elements.append(try readValue()) }
            return .array(elements)
        case .string:
            return .string(try readString())
        case .number:
            let number = try readNumber()
            if let value = integer(number, as: Int64.self) { return .integer(value) }
            return .double(try double(number))
        case .bool:
            return .bool(try readBool())
        case .null:
            guard readNull() else { throw unexpected(expecting: "null") }
            return .null
        }
    }

    /// The next value, which has to be an object.
    package mutating func readPayload() throws(JSONError) -> Payload {
        var members: Payload = [:]
        try beginObject()
        while let key = try nextKey() { members[key] = try readValue() }
        return members
    }

    /// Reads over the next value, which still has to be valid.
    package mutating func skipValue() throws(JSONError) {
        switch try peek() {
        case .object:
            try beginObject()
            while try nextKey() != nil { try skipValue() }
        case .array:
            try beginArray()
            while try nextElement() { try skipValue() }
        case .string: _ = try readString()
        case .number: _ = try readNumber()
        case .bool: _ = try readBool()
        case .null: guard readNull() else { throw unexpected(expecting: "null") }
        }
    }

    /// nil for `null`, else what `read` makes of the value.
    package mutating func optional<Value>(
        _ read: (inout JSONReader) throws(JSONError) -> Value
    ) throws(JSONError) -> Value? {
        if readNull() { return nil }
        return try read(&self)
    }

    /// An array whose elements `read` reads.
    package mutating func array<Value>(
        of read: (inout JSONReader) throws(JSONError) -> Value
    ) throws(JSONError) -> [Value] {
        var elements: [Value] = []
        try beginArray()
        while try nextElement() { elements.append(try read(&self)) }
        return elements
    }

    /// An object with free keys whose values `read` reads. Of equal keys the last one counts.
    package mutating func dictionary<Value>(
        of read: (inout JSONReader) throws(JSONError) -> Value
    ) throws(JSONError) -> [String: Value] {
        var members: [String: Value] = [:]
        try beginObject()
        while let key = try nextKey() { members[key] = try read(&self) }
        return members
    }

    /// Whether the array that comes next begins with an array.
    mutating func arrayHoldsArrays() -> Bool {
        skipWhitespace()
        let start = offset
        defer { offset = start }
        offset += 1
        skipWhitespace()
        return current == UInt8(ascii: "[")
    }

    /// Where the next value begins; what an error about it points at.
    package mutating func position() -> Int {
        skipWhitespace()
        return offset
    }
}

// What decoders pass to `optional`, `array(of:)` and `dictionary(of:)`.

extension Bool {
    init(reading reader: inout JSONReader) throws(JSONError) { self = try reader.readBool() }
}

extension String {
    init(reading reader: inout JSONReader) throws(JSONError) { self = try reader.readString() }
}

extension Float {
    init(reading reader: inout JSONReader) throws(JSONError) { self = try reader.readFloat() }
}

extension Double {
    init(reading reader: inout JSONReader) throws(JSONError) { self = try reader.readDouble() }
}

extension [Float] {
    init(reading reader: inout JSONReader) throws(JSONError) { self = try reader.readFloats() }
}

extension Payload {
    init(reading reader: inout JSONReader) throws(JSONError) { self = try reader.readPayload() }
}
