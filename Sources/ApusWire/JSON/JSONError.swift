package import ApusCore

/// What is wrong with a JSON text, and where.
package struct JSONError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Not JSON, or not the JSON that was expected here.
        case malformed
        /// A value outside its allowed range.
        case outOfRange
        /// A feature of the API that this server does not have.
        case unsupported
    }

    package let kind: Kind
    package let reason: String
    /// The byte where the offending value or token begins.
    package let offset: Int

    package init(_ kind: Kind, _ reason: String, offset: Int) {
        self.kind = kind
        self.reason = reason
        self.offset = offset
    }

    /// The error for a caller who sent `body`, with the path to the offending value.
    package func databaseError(in body: UnsafeRawBufferPointer) -> DatabaseError {
        let path = Self.shortened(unsafe Self.path(to: offset, in: body))
        let place = path.isEmpty ? "" : "\(path): "
        switch kind {
        case .malformed:
            return DatabaseError(
                .invalidArgument, "Format error in JSON body: \(place)\(reason) at byte \(offset)")
        case .outOfRange:
            return DatabaseError(.validation, "Validation error in JSON body: [\(place)\(reason)]")
        case .unsupported:
            return DatabaseError(.unimplemented, "Not supported: \(place)\(reason)")
        }
    }
}

extension JSONError {
    /// The path of keys and indices to the value at a byte, such as `points[2].vector`.
    ///
    /// Errors carry only an offset, so that reading pays nothing for paths; this reads the text
    /// again up to there. O(offset).
    static func path(to offset: Int, in body: UnsafeRawBufferPointer) -> String {
        var open: [Container] = []
        var position = 0
        let end = min(offset, body.count)
        while position < end {
            switch unsafe body[position] {
            case UInt8(ascii: "{"): open.append(.object(key: nil))
            case UInt8(ascii: "["): open.append(.array(index: 0))
            case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = open.popLast()
            case UInt8(ascii: ","):
                switch open.popLast() {
                case .object: open.append(.object(key: nil))
                case .array(let index): open.append(.array(index: index + 1))
                case nil: break
                }
            case UInt8(ascii: "\""):
                let text = unsafe stringLiteral(at: position, in: body)
                if case .object(nil) = open.last, text.upperBound <= end {
                    let key = unsafe String(decoding: body[text], as: UTF8.self)
                    open[open.count - 1] = .object(key: key)
                }
                position = text.upperBound
            default: break
            }
            position += 1
        }
        return open.reduce(into: "") { path, container in container.append(to: &path) }
    }

    /// Text for a message: long ones are cut.
    static func shortened(_ text: String) -> String {
        text.utf8.count <= 120 ? text : "\(text.prefix(100))…"
    }

    /// What stands at a byte, for a message.
    static func excerpt(_ body: UnsafeRawBufferPointer, at offset: Int) -> String {
        let end = min(offset + 24, body.count)
        let text = unsafe String(decoding: body[offset..<end], as: UTF8.self)
        return "`\(end < body.count ? "\(text)…" : text)`"
    }

    private enum Container {
        case object(key: String?)
        case array(index: Int)

        func append(to path: inout String) {
            switch self {
            case .object(let key?): path += path.isEmpty ? key : ".\(key)"
            case .object(nil): break
            case .array(let index): path += "[\(index)]"
            }
        }
    }

    /// The bytes between the quotes of the string that opens at `position`.
    private static func stringLiteral(
        at position: Int, in body: UnsafeRawBufferPointer
    ) -> Range<Int> {
        var end = position + 1
        while end < body.count, unsafe body[end] != UInt8(ascii: "\"") {
            end += unsafe body[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        return (position + 1)..<max(position + 1, min(end, body.count))
    }
}
