package import ApusCore

/// The line between the parts of a multipart body (RFC 2046, 5.1.1).
package struct MultipartBoundary: Sendable {
    package let text: String

    /// nil: no `multipart/form-data` with a boundary of 1 to 70 characters.
    package init?(contentType: String) {
        let parts = contentType.split(separator: ";").map { $0.drop { $0 == " " } }
        guard parts.first?.lowercased() == "multipart/form-data",
            let parameter = parts.first(where: { $0.lowercased().hasPrefix("boundary=") })
        else { return nil }
        var value = parameter.dropFirst("boundary=".count)
        while value.last == " " { value.removeLast() }
        if value.count >= 2, value.first == "\"", value.last == "\"" {
            value = value.dropFirst().dropLast()
        }
        guard (1...70).contains(value.utf8.count) else { return nil }
        text = String(value)
    }
}

/// Finds the content of one field in a multipart body that comes in pieces (RFC 7578), and keeps no
/// more of it than a boundary and the head of a part.
package actor FormFile {
    private enum State {
        /// Before the first boundary.
        case preamble
        case head
        case content(isWanted: Bool)
        case end
    }

    private static let headByteCountMax = 16 << 10
    private static let blankLine = Array("\r\n\r\n".utf8)

    private let field: String
    private let delimiter: [UInt8]
    private var state = State.preamble
    /// Came in and is not decided yet. The first boundary may lack the line break before it.
    private var buffer: [UInt8] = Array("\r\n".utf8)
    /// The field's content came from its start to its end.
    package private(set) var isComplete = false

    package init(field: String, boundary: MultipartBoundary) {
        self.field = field
        delimiter = Array("\r\n--\(boundary.text)".utf8)
    }

    /// Takes the next bytes of the body; returns those of the field's content among them.
    package func take(_ piece: [UInt8]) throws(DatabaseError) -> [UInt8] {
        buffer += piece
        var content: [UInt8] = []
        while try step(&content) {}
        return content
    }

    /// False: more bytes are needed, or none any more.
    private func step(_ content: inout [UInt8]) throws(DatabaseError) -> Bool {
        switch state {
        case .preamble:
            guard skipBoundary(passing: { _ in }) else { return false }
            state = .head
        case .head:
            // Two dashes after a boundary close the body.
            if buffer.starts(with: Array("--".utf8)) {
                state = .end
                return false
            }
            guard let end = buffer.firstRange(of: Self.blankLine) else {
                guard buffer.count <= Self.headByteCountMax else {
                    throw DatabaseError(
                        .invalidArgument, "Payload error: the head of a form's part is too long")
                }
                return false
            }
            let head = String(decoding: buffer[..<end.lowerBound], as: UTF8.self)
            buffer.removeFirst(end.upperBound)
            state = .content(isWanted: !isComplete && names(head))
        case .content(let isWanted):
            var found: [UInt8] = []
            let isOver = skipBoundary { found += $0 }
            if isWanted { content += found }
            guard isOver else { return false }
            if isWanted { isComplete = true }
            state = .head
        case .end:
            buffer = []
            return false
        }
        return true
    }

    /// Takes everything before the next boundary out of the buffer, and the boundary too: true when
    /// there is one. Without one, what could be its beginning stays.
    private func skipBoundary(passing pass: (ArraySlice<UInt8>) -> Void) -> Bool {
        if let start = delimiterStart() {
            pass(buffer[..<start])
            buffer.removeFirst(start + delimiter.count)
            return true
        }
        let decided = max(0, buffer.count - delimiter.count + 1)
        pass(buffer[..<decided])
        buffer.removeFirst(decided)
        return false
    }

    /// A loop over bytes, because files are long: general searches of the library are slower.
    private func delimiterStart() -> Int? {
        let first = delimiter[0]
        let bytes = buffer.span
        for start in 0..<max(0, bytes.count - delimiter.count + 1) where bytes[start] == first {
            var length = 1
            while length < delimiter.count, bytes[start + length] == delimiter[length] {
                length += 1
            }
            if length == delimiter.count { return start }
        }
        return nil
    }

    /// Whether the head of a part names the field.
    private func names(_ head: String) -> Bool {
        head.split(separator: "\r\n").contains { line in
            line.lowercased().hasPrefix("content-disposition:")
                && line.split(separator: ";").contains { part in
                    let part = part.drop { $0 == " " }
                    return part == "name=\"\(field)\"" || part == "name=\(field)"
                }
        }
    }
}
