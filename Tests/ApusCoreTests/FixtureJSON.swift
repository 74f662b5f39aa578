import ApusCore
import Foundation

/// Reads JSON into `JSONValue`, keeping `1` and `1.0` apart, which Foundation does not.
struct FixtureJSON {
    struct Malformed: Error { let offset: Int }

    private let bytes: [UInt8]
    private var position = 0

    /// Reads a file of the repository's folder `Fixtures`.
    static func read(_ name: String) throws -> JSONValue {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "Fixtures").appending(path: name)
        var parser = FixtureJSON(bytes: [UInt8](try Data(contentsOf: file)))
        return try parser.value()
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func value() throws -> JSONValue {
        switch try peek() {
        case UInt8(ascii: "{"):
            var members: [String: JSONValue] = [:]
            try list(closing: "}") { parser in
                let key = try parser.string()
                try parser.expect(":")
                members[key] = try parser.value()
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONValue] = []
            try list(closing: "]") { elements.append(try $0.value()) }
            return .array(elements)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func list(
        closing: Unicode.Scalar, item: (inout FixtureJSON) throws -> Void
    ) throws {
        position += 1
        if try peek() == UInt8(ascii: closing) {
            position += 1
            return
        }
        while true {
            try item(&self)
            if try peek() == UInt8(ascii: closing) {
                position += 1
                return
            }
            try expect(",")
        }
    }

    private mutating func string() throws -> String {
        try expect("\"")
        let start = position - 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        try expect("\"")
        return try JSONDecoder().decode(String.self, from: Data(bytes[start..<position]))
    }

    private mutating func number() throws -> JSONValue {
        let start = position
        while position < bytes.count, "+-.eE0123456789".utf8.contains(bytes[position]) {
            position += 1
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if let integer = Int64(text) { return .integer(integer) }
        guard let double = Double(text) else { throw Malformed(offset: start) }
        return .double(double)
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws -> JSONValue {
        for scalar in word.unicodeScalars { try expect(scalar) }
        return value
    }

    private mutating func expect(_ scalar: Unicode.Scalar) throws {
        guard try peek() == UInt8(ascii: scalar) else { throw Malformed(offset: position) }
        position += 1
    }

    private mutating func peek() throws -> UInt8 {
        while position < bytes.count, " \n\t\r".utf8.contains(bytes[position]) { position += 1 }
        guard position < bytes.count else { throw Malformed(offset: position) }
        return bytes[position]
    }
}

extension JSONValue {
    subscript(key: String) -> JSONValue? {
        if case .object(let members) = self { members[key] } else { nil }
    }

    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }

    var members: [String: JSONValue] {
        if case .object(let members) = self { members } else { [:] }
    }

    var text: String? { if case .string(let text) = self { text } else { nil } }

    var integer: Int64? { if case .integer(let number) = self { number } else { nil } }

    var number: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }

    /// A point id of a fixture; the greatest number does not fit an `Int64`.
    var pointID: PointID? {
        if let text { return UUIDBytes(text).map { .uuid($0) } }
        if let integer, integer >= 0 { return .number(UInt64(integer)) }
        return number == 0x1p64 ? .number(.max) : nil
    }
}
