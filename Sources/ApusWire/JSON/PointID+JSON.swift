package import ApusCore

extension PointID {
    /// An unsigned number, or a string that holds a UUID in any form.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        switch try reader.peek() {
        case .number:
            let number = try reader.readNumber()
            guard let value = reader.integer(number, as: UInt64.self) else {
                throw Self.invalid(reader.excerpt(of: number), at: start)
            }
            self = .number(value)
        case .string:
            let text = try reader.readString()
            guard let uuid = UUIDBytes(text) else {
                throw Self.invalid(JSONError.shortened(text), at: start)
            }
            self = .uuid(uuid)
        case .object, .array, .bool, .null:
            try reader.skipValue()
            throw Self.invalid(reader.excerpt(from: start), at: start)
        }
    }

    /// The id in the path of a URL, where a number has no quotes either.
    package init(pathComponent text: String) throws(DatabaseError) {
        if let number = UInt64(text) {
            self = .number(number)
        } else if let uuid = UUIDBytes(text) {
            self = .uuid(uuid)
        } else {
            let found = JSONError.shortened(text)
            throw DatabaseError(.invalidArgument, "Format error in path: \(Self.reason(found))")
        }
    }

    private static func invalid(_ found: String, at position: Int) -> JSONError {
        JSONError(.malformed, reason(found), offset: position)
    }

    private static func reason(_ found: String) -> String {
        "value \(found) is not a valid point ID, "
            + "valid values are either an unsigned integer or a UUID"
    }
}

extension JSONWriter {
    package mutating func write(_ id: PointID) {
        switch id {
        case .number(let number): write(number)
        case .uuid(let uuid): write(uuid.description)
        }
    }
}
