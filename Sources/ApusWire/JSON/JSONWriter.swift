package import ApusCore

/// Writes one JSON text, compact, into bytes.
///
/// The caller opens and closes containers in the right order; commas come by themselves:
///
///     writer.beginObject()
///     writer.key("score")
///     writer.write(0.5 as Float)
///     writer.endObject()
///
/// Floats are written with the fewest digits that read back as the same float (`0.05`, `1.0`),
/// doubles likewise. JSON has no NaN and no infinity: they become `null`.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []
    private var needsComma = false

    package init(reservingCapacity capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    // MARK: Containers

    package mutating func beginObject() { open(UInt8(ascii: "{")) }
    package mutating func endObject() { close(UInt8(ascii: "}")) }
    package mutating func beginArray() { open(UInt8(ascii: "[")) }
    package mutating func endArray() { close(UInt8(ascii: "]")) }

    /// The key of the value that is written next.
    package mutating func key(_ key: String) {
        separate()
        appendQuoted(key)
        bytes.append(UInt8(ascii: ":"))
        needsComma = false
    }

    /// An array with one value for each element.
    package mutating func array<Elements: Sequence>(
        _ elements: Elements, _ writeElement: (inout JSONWriter, Elements.Element) -> Void
    ) {
        beginArray()
        for element in elements { writeElement(&self, element) }
        endArray()
    }

    // MARK: Values

    package mutating func writeNull() { append("null") }
    package mutating func write(_ value: Bool) { append(value ? "true" : "false") }
    package mutating func write(_ value: Int) { append(String(value)) }
    package mutating func write(_ value: Int64) { append(String(value)) }
    package mutating func write(_ value: UInt64) { append(String(value)) }

    package mutating func write(_ value: Float) {
        append(value.isFinite ? value.description : "null")
    }

    package mutating func write(_ value: Double) {
        append(value.isFinite ? value.description : "null")
    }

    package mutating func write(_ value: String) {
        separate()
        appendQuoted(value)
    }

    package mutating func write(_ values: [Float]) {
        beginArray()
        for value in values { write(value) }
        endArray()
    }

    package mutating func write(_ value: JSONValue) {
        switch value {
        case .null: writeNull()
        case .bool(let value): write(value)
        case .integer(let value): write(value)
        case .double(let value): write(value)
        case .string(let value): write(value)
        case .array(let values): array(values) { $0.write($1) }
        case .object(let members): write(members)
        }
    }

    /// An object, its keys in order so that equal payloads give equal bytes.
    package mutating func write(_ payload: Payload) {
        beginObject()
        for (key, value) in payload.sorted(by: { $0.key < $1.key }) {
            self.key(key)
            write(value)
        }
        endObject()
    }

    /// A value that is already JSON, such as an answer made elsewhere.
    package mutating func write(json: [UInt8]) {
        separate()
        bytes.append(contentsOf: json)
    }

    // MARK: Members

    package mutating func member(_ name: String, _ value: String) {
        key(name)
        write(value)
    }

    package mutating func member(_ name: String, _ value: Int) {
        key(name)
        write(value)
    }

    package mutating func member(_ name: String, _ value: Double) {
        key(name)
        write(value)
    }

    package mutating func member(_ name: String, _ value: Bool) {
        key(name)
        write(value)
    }

    // MARK: Members that are left out when nil

    package mutating func member(_ name: String, _ value: String?) {
        if let value { member(name, value) }
    }

    package mutating func member(_ name: String, _ value: Int?) {
        if let value { member(name, value) }
    }

    package mutating func member(_ name: String, _ value: Bool?) {
        if let value { member(name, value) }
    }

    package mutating func member(_ name: String, _ value: Float?) {
        guard let value else { return }
        key(name)
        write(value)
    }

    // MARK: Bytes

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { bytes.append(UInt8(ascii: ",")) }
        needsComma = true
    }

    private mutating func append(_ literal: String) {
        separate()
        bytes.append(contentsOf: literal.utf8)
    }

    /// Quotes, backslashes and control characters are escaped; everything else stands as it is.
    private mutating func appendQuoted(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0x0a: bytes.append(contentsOf: "\\n".utf8)
            case 0x0d: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(UInt8(ascii: "0") + byte >> 4)
                let low = byte & 0x0f
                bytes.append(low < 10 ? UInt8(ascii: "0") + low : UInt8(ascii: "a") + low - 10)
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONValue {
    /// The value as compact JSON text.
    package var jsonBytes: [UInt8] {
        var writer = JSONWriter()
        writer.write(self)
        return writer.bytes
    }
}
