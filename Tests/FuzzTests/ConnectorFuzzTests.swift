import ApusConnectors
import ApusPipeline
import Testing

/// What other servers answer, where it is read here and not by a library of theirs.
@Suite("Fuzzing answers of other servers") struct ConnectorFuzzTests {
    @Test("Messages of a replication slot") func pgoutput() async throws {
        try await fuzz(
            FuzzTarget(
                name: "pgoutput",
                tokens: [
                    "N\u{0}\u{2}t", "K\u{0}\u{1}t", "O\u{0}", "u", "n", "\u{0}\u{0}\u{0}\u{1}",
                ],
                // What PostgreSQL 18 said of inserts, updates, deletions and truncations in tables of
                // several replica identities: one message a file.
                samples: { [] },
                run: { input in
                    try refusing(with: StageError.self) {
                        let size = input.bytes.count
                        switch try PostgresOutput(input.bytes) {
                        case .relation(let relation):
                            try Self.check(relation.columns, fits: size)
                        case .insert(_, let row), .delete(_, let row):
                            try Self.check(row, fits: size)
                        case .update(_, let old, let row):
                            try Self.check((old ?? []) + row, fits: size)
                        case .truncate(let relations):
                            try expect(relations.count * 4 < size, "more tables than bytes")
                        case .begin, .commit, .other: break
                        }
                    }
                }))
    }

    /// A byte that is no UTF-8 becomes three.
    private static func check(_ row: PostgresOutput.Row, fits size: Int) throws {
        let texts = row.reduce(0) { $0 + ($1?.utf8.count ?? 0) }
        try expect(
            row.count < size && texts <= 3 * size,
            "\(row.count) columns with \(texts) bytes out of \(size)")
    }

    /// What a client makes of answers that come in pieces.
    private enum Read: Equatable {
        /// Those that are whole; nil: no value.
        case answers([[UInt8]?])
        case refused(StageError)
    }

    private static let keys = ["a", "b2", String(repeating: "c", count: 250)]

    private static func read(_ input: FuzzInput, inPiecesOf size: Int) -> Read {
        var answers = MemcachedAnswers(from: "fuzz", bytesMax: 1 << 20)
        var found: [[UInt8]?] = []
        do throws(StageError) {
            for start in stride(from: 0, to: input.bytes.count, by: size) {
                try answers.append(input.bytes[start..<min(start + size, input.bytes.count)])
                while found.count < keys.count {
                    if input.purpose == "set" {
                        guard try answers.stored() else { break }
                        found.append([])
                    } else {
                        guard let answer = try answers.value(of: keys[found.count]) else { break }
                        found.append(answer)
                    }
                }
            }
        } catch {
            return .refused(error)
        }
        return .answers(found)
    }

    private static func memcachedSamples() -> [FuzzInput] {
        func value(_ key: String, _ bytes: [UInt8]) -> [UInt8] {
            Array("VALUE \(key) 0 \(bytes.count)\r\n".utf8) + bytes + Array("\r\nEND\r\n".utf8)
        }
        let missing = Array("END\r\n".utf8)
        return [
            FuzzInput(
                name: "get~all",
                bytes: value(keys[0], Array(0..<40)) + value(keys[1], Array("\r\nEND\r\n".utf8))
                    + value(keys[2], [])),
            FuzzInput(name: "get~some", bytes: missing + value(keys[1], [0, 1, 2]) + missing),
            FuzzInput(name: "get~error", bytes: Array("SERVER_ERROR out of memory\r\n".utf8)),
            FuzzInput(name: "set~all", bytes: Array("STORED\r\nSTORED\r\nSTORED\r\n".utf8)),
            FuzzInput(
                name: "set~error",
                bytes: Array("STORED\r\nSERVER_ERROR object too large for cache\r\n".utf8)),
        ]
    }

    @Test("Answers of memcached") func memcached() async throws {
        try await fuzz(
            FuzzTarget(
                name: "memcached",
                tokens: [
                    "VALUE ", "END\r\n", "STORED\r\n", "\r\n", " 0 ", "-1", "9223372036854775807",
                    "1073741824", "a", "b2",
                ],
                samples: { Self.memcachedSamples() },
                run: { input in
                    let whole = Self.read(input, inPiecesOf: max(1, input.bytes.count))
                    // However the network cuts them.
                    for size in [1, 7] {
                        let cut = Self.read(input, inPiecesOf: size)
                        try expect(cut == whole, "\(cut) in pieces of \(size), \(whole) in one")
                    }
                    switch whole {
                    case .answers(let answers):
                        let count = answers.reduce(0) { $0 + ($1?.count ?? 0) }
                        try expect(count <= input.bytes.count, "\(count) bytes out of fewer")
                        return answers.count == Self.keys.count ? .accepted : .refused
                    case .refused(let error):
                        FuzzSettings.tell(error)
                        return .refused
                    }
                }))
    }
}
