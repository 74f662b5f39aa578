/// The binary form of payloads, in WAL records and in the payload rows of segments.
///
/// | value | bytes |
/// |---|---|
/// | null | `00` |
/// | false, true | `01`, `02` |
/// | integer | `03`, the number as zigzag varint |
/// | double | `04`, its 64 bits |
/// | string | `05`, byte count as varint, UTF-8 |
/// | array | `06`, u32 byte count of what follows, element count as varint, the elements |
/// | object | `07`, u32 byte count of what follows, member count as varint, the members |
///
/// A member is its key (byte count as varint, UTF-8), then its value. Members stand in ascending
/// order of their keys' bytes, so payloads with the same members give the same bytes. A payload is
/// the inside of an object: member count as varint, then the members. Values nest at most
/// `JSONValue.depthMax` levels deep. Numbers are little-endian; tags are persisted, a reader
/// refuses all others.
enum PayloadTag: UInt8 {
    case null = 0
    case `false` = 1
    case `true` = 2
    case integer = 3
    case double = 4
    case string = 5
    case array = 6
    case object = 7
}

extension JSONValue {
    /// How many arrays and objects of a payload may stand inside one another, the payload itself
    /// not counted.
    public static let depthMax = 128
}

extension Int64 {
    /// The number with its sign in the lowest bit, so that small numbers of either sign have
    /// short varints: 0, -1, 1, -2 become 0, 1, 2, 3.
    var zigzag: UInt64 { UInt64(bitPattern: self << 1 ^ self >> 63) }

    init(zigzag: UInt64) {
        self = Int64(bitPattern: zigzag >> 1) ^ -Int64(bitPattern: zigzag & 1)
    }
}

extension ByteWriter {
    /// Appends a payload.
    ///
    /// Throws `.validation` when it nests deeper than `JSONValue.depthMax` or an array or object
    /// takes 4 GiB or more; the bytes written by then are of no use.
    package mutating func write(payload: Payload) throws(DatabaseError) {
        try writeMembers(payload, depth: 0)
    }

    /// Appends one value, with the same limits as a payload.
    package mutating func write(value: JSONValue) throws(DatabaseError) {
        try write(value, depth: 1)
    }

    private mutating func write(_ value: JSONValue, depth: Int) throws(DatabaseError) {
        switch value {
        case .null: write(PayloadTag.null.rawValue)
        case .bool(false): write(PayloadTag.false.rawValue)
        case .bool(true): write(PayloadTag.true.rawValue)
        case .integer(let number):
            write(PayloadTag.integer.rawValue)
            writeVarInt(number.zigzag)
        case .double(let number):
            write(PayloadTag.double.rawValue)
            write(number)
        case .string(let text):
            write(PayloadTag.string.rawValue)
            writeString(text)
        case .array(let elements):
            let start = try beginContainer(.array, depth: depth)
            writeVarInt(UInt64(elements.count))
            for element in elements { try write(element, depth: depth + 1) }
            try endContainer(start)
        case .object(let members):
            let start = try beginContainer(.object, depth: depth)
            try writeMembers(members, depth: depth)
            try endContainer(start)
        }
    }

    private mutating func writeMembers(
        _ members: [String: JSONValue], depth: Int
    ) throws(DatabaseError) {
        writeVarInt(UInt64(members.count))
        let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (key, value) in sorted {
            writeString(key)
            try write(value, depth: depth + 1)
        }
    }

    private mutating func beginContainer(
        _ tag: PayloadTag, depth: Int
    ) throws(DatabaseError) -> Int {
        guard depth <= JSONValue.depthMax else {
            throw DatabaseError(
                .validation,
                "Payload nests deeper than \(JSONValue.depthMax) levels of arrays and objects")
        }
        write(tag.rawValue)
        write(UInt32(0))
        return count
    }

    private mutating func endContainer(_ start: Int) throws(DatabaseError) {
        guard let size = UInt32(exactly: count - start) else {
            throw DatabaseError(.validation, "An array or object of a payload takes over 4 GiB")
        }
        overwrite(size, at: start - 4)
    }
}

extension ByteReader {
    /// Reads what `write(payload:)` wrote. Hostile bytes throw.
    package mutating func readPayload() throws(MalformedBytes) -> Payload {
        try readMembers(depth: 0)
    }

    /// Reads what `write(value:)` wrote. Hostile bytes throw.
    package mutating func readValue() throws(MalformedBytes) -> JSONValue {
        try readValue(depth: 1)
    }

    private mutating func readValue(depth: Int) throws(MalformedBytes) -> JSONValue {
        let rawTag: UInt8 = try read()
        guard let tag = PayloadTag(rawValue: rawTag) else {
            throw MalformedBytes("a payload value with unknown tag \(rawTag)", offset: offset - 1)
        }
        switch tag {
        case .null: return .null
        case .false: return .bool(false)
        case .true: return .bool(true)
        case .integer:
            return .integer(Int64(zigzag: try readVarInt()))
        case .double: return .double(try readDouble())
        case .string: return .string(try readString())
        case .array:
            let end = try readContainerEnd(depth: depth)
            let count = try readCount(minimumSize: 1)
            var elements: [JSONValue] = []
            // A value takes more memory than the byte that a hostile count claims for it.
            elements.reserveCapacity(min(count, 4096))
            for _ in 0..<count { elements.append(try readValue(depth: depth + 1)) }
            try requireEnd(end)
            return .array(elements)
        case .object:
            let end = try readContainerEnd(depth: depth)
            let members = try readMembers(depth: depth)
            try requireEnd(end)
            return .object(members)
        }
    }

    private mutating func readMembers(depth: Int) throws(MalformedBytes) -> [String: JSONValue] {
        let count = try readCount(minimumSize: 2)
        var members: [String: JSONValue] = [:]
        members.reserveCapacity(min(count, 4096))
        for _ in 0..<count {
            let key = try readString()
            members[key] = try readValue(depth: depth + 1)
        }
        return members
    }

    private mutating func readContainerEnd(depth: Int) throws(MalformedBytes) -> Int {
        guard depth <= JSONValue.depthMax else {
            throw MalformedBytes(
                "a payload that nests deeper than \(JSONValue.depthMax) levels", offset: offset)
        }
        let size = Int(try read(UInt32.self))
        guard size <= remaining else {
            throw MalformedBytes(
                "a payload value of \(size) bytes, with \(remaining) left", offset: offset)
        }
        return offset + size
    }

    private func requireEnd(_ end: Int) throws(MalformedBytes) {
        guard offset == end else {
            throw MalformedBytes("a payload value that should end at byte \(end)", offset: offset)
        }
    }
}
