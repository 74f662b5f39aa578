package import ApusPipeline

/// Answers of a memcached server in its text protocol, as they come in.
///
/// An answer that is none, or of another request, ends all that would follow: where one ends is not
/// known then.
package struct MemcachedAnswers {
    private let name: String
    private let bytesMax: Int
    private var bytes: [UInt8] = []
    private var position = 0

    /// More than what a server says of a key of 250 bytes.
    private static let lineBytesMax = 1_024
    private static let valueBytesMax = 1 << 30

    /// - Parameters:
    ///   - name: the server, for messages.
    ///   - bytesMax: what an answer that is not whole yet may take.
    package init(from name: String, bytesMax: Int) {
        self.name = name
        self.bytesMax = bytesMax
    }

    package mutating func append(_ piece: some Collection<UInt8>) throws(StageError) {
        bytes.removeFirst(position)
        position = 0
        guard bytes.count + piece.count <= bytesMax else {
            throw fault("answered more than \(bytesMax) bytes")
        }
        bytes += piece
    }

    /// Of a `set`; false: it is not whole yet. Throws a transient error for anything but `STORED`.
    package mutating func stored() throws(StageError) -> Bool {
        guard let line = try line() else { return false }
        guard line == "STORED" else { throw refusal(line) }
        return true
    }

    /// Of a `get` of one key: `VALUE key flags count`, the bytes and `END`, or `END` alone: then there
    /// is no value. The outer nil: it is not whole yet. Throws a transient error for anything else.
    package mutating func value(of key: String) throws(StageError) -> [UInt8]?? {
        let start = position
        guard let head = try line() else { return nil }
        if head == "END" { return .some(nil) }
        let words = head.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 4, words[0] == "VALUE", words[1] == key, let count = Int(words[3]),
            (0...Self.valueBytesMax).contains(count)
        else { throw refusal(head) }
        let end = "\r\nEND\r\n".utf8
        guard bytes.count - position >= count + end.count else {
            position = start
            return nil
        }
        let value = Array(bytes[position..<(position + count)])
        position += count
        guard bytes[position...].starts(with: end) else {
            throw fault("answered more or less than the \(count) bytes that it said")
        }
        position += end.count
        return .some(value)
    }

    /// The next line without its end; nil: it is not whole yet.
    private mutating func line() throws(StageError) -> String? {
        let waiting = bytes[position...].prefix(Self.lineBytesMax)
        guard let end = waiting.firstIndex(of: UInt8(ascii: "\n")) else {
            guard waiting.count < Self.lineBytesMax else {
                throw fault("answered a line of more than \(Self.lineBytesMax) bytes")
            }
            return nil
        }
        defer { position = end + 1 }
        var line = bytes[position..<end]
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return String(decoding: line, as: UTF8.self)
    }

    private func refusal(_ line: String) -> StageError { fault("answered \(line.prefix(200))") }

    private func fault(_ what: String) -> StageError {
        StageError(.transient(after: nil), stage: "cache", "\(name) \(what)")
    }
}
