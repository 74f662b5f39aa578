package import ApusCore

/// The rows of a file of delimited values (RFC 4180), as records with the names of its first row.
///
/// Values are strings; a quoted one may hold delimiters, doubled quotes and lines.
package struct DelimitedRows {
    private let lines: LineReader
    private let delimiter: UInt8
    private var names: [String]?

    /// A row may take this many lines.
    private static let linesMax = 100_000

    package init(_ lines: LineReader, delimiter: UInt8) {
        self.lines = lines
        self.delimiter = delimiter
    }

    package enum Row {
        case fields(Payload)
        case malformed(reason: String, raw: String)
    }

    /// The next row with anything in it, and the line that it begins in; nil at the end.
    package mutating func next() throws(PipelineError) -> (line: Int, row: Row)? {
        if names == nil {
            guard let first = try lines.next() else { return nil }
            guard case .success(let values) = try values(from: first) else {
                throw .malformed(
                    file: lines.file.path, .line(1, column: 1),
                    expected: "the names of columns", found: "a row that is not well formed")
            }
            names = values
        }
        while let first = try lines.next() {
            let line = lines.lineNumber
            if first.allSatisfy({ $0 <= 0x20 }) { continue }
            return (line, try row(from: first))
        }
        return nil
    }

    private struct Malformed: Error { var reason: String }

    private func row(from first: [UInt8]) throws(PipelineError) -> Row {
        let names = names ?? []
        switch try values(from: first) {
        case .failure(let malformed):
            return .malformed(
                reason: malformed.reason, raw: String(decoding: first, as: UTF8.self))
        case .success(let values):
            guard values.count == names.count else {
                return .malformed(
                    reason: "\(values.count) values, and \(names.count) columns",
                    raw: String(decoding: first, as: UTF8.self))
            }
            let fields = zip(names, values).map { ($0, JSONValue.string($1)) }
            return .fields(Payload(fields) { $1 })
        }
    }

    /// The values of a row that begins with `first`; reads on while a quoted value is open.
    private func values(from first: [UInt8]) throws(PipelineError) -> Result<[String], Malformed> {
        var values: [[UInt8]] = [[]]
        var isQuoted = false
        var mayQuote = true
        var line = first
        var count = 1
        while true {
            if line.last == 0x0d { line.removeLast() }
            var position = 0
            while position < line.count {
                let byte = line[position]
                position += 1
                if isQuoted {
                    guard byte == UInt8(ascii: "\"") else {
                        values[values.count - 1].append(byte)
                        continue
                    }
                    if position < line.count, line[position] == UInt8(ascii: "\"") {
                        values[values.count - 1].append(byte)
                        position += 1
                    } else {
                        isQuoted = false
                    }
                } else if byte == delimiter {
                    values.append([])
                    mayQuote = true
                    continue
                } else if byte == UInt8(ascii: "\""), mayQuote {
                    isQuoted = true
                } else {
                    values[values.count - 1].append(byte)
                }
                mayQuote = false
            }
            guard isQuoted else { break }
            guard count < Self.linesMax, let next = try lines.next() else {
                return .failure(Malformed(reason: "a quoted value without its end"))
            }
            values[values.count - 1].append(0x0a)
            line = next
            count += 1
        }
        var texts: [String] = []
        for value in values {
            guard let text = String(validating: value, as: UTF8.self) else {
                return .failure(Malformed(reason: "value \(texts.count + 1) is not UTF-8"))
            }
            texts.append(text)
        }
        return .success(texts)
    }
}
