package import ApusPipeline

/// Messages of PostgreSQL's output plugin `pgoutput`, of protocol version 1.
package enum PostgresOutput: Sendable {
    /// A row as a message has it: a text, or none where it is NULL or not said.
    package typealias Row = [String?]

    /// A table, and its columns in the order of rows.
    package struct Relation: Sendable {
        package var id: UInt32
        package var columns: [String]
    }

    case begin(commit: UInt64)
    case commit(end: UInt64)
    case relation(Relation)
    case insert(relation: UInt32, Row)
    /// With what named the row before, where that changed or the table says all.
    case update(relation: UInt32, old: Row?, Row)
    case delete(relation: UInt32, Row)
    case truncate(relations: [UInt32])
    /// Types, origins and messages of applications.
    case other

    /// Throws a fatal error for a message that is not what its first byte says.
    package init(_ bytes: [UInt8]) throws(StageError) {
        var reader = Reader(bytes: bytes)
        switch try reader.byte() {
        case UInt8(ascii: "B"): self = .begin(commit: UInt64(try reader.number(8)))
        case UInt8(ascii: "C"):
            _ = try reader.number(1)
            _ = try reader.number(8)
            self = .commit(end: UInt64(try reader.number(8)))
        case UInt8(ascii: "R"): self = .relation(try reader.relation())
        case UInt8(ascii: "I"):
            let relation = UInt32(try reader.number(4))
            self = .insert(relation: relation, try reader.row(marked: "N"))
        case UInt8(ascii: "U"):
            let relation = UInt32(try reader.number(4))
            var old: Row?
            if !reader.isNext("N") { old = try reader.row(marked: "K", "O") }
            self = .update(relation: relation, old: old, try reader.row(marked: "N"))
        case UInt8(ascii: "D"):
            let relation = UInt32(try reader.number(4))
            self = .delete(relation: relation, try reader.row(marked: "K", "O"))
        case UInt8(ascii: "T"):
            let count = try reader.number(4)
            _ = try reader.byte()
            var relations: [UInt32] = []
            for _ in 0..<count { relations.append(UInt32(try reader.number(4))) }
            self = .truncate(relations: relations)
        default: self = .other
        }
    }

    /// Numbers are big-endian, texts end with a zero.
    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        private var end: StageError { fault("ends too early") }

        private func fault(_ what: String) -> StageError {
            StageError(
                .fatal, stage: "source",
                "a message of the replication slot \(what), at byte \(position) of \(bytes.count)")
        }

        func isNext(_ mark: Unicode.Scalar) -> Bool {
            position < bytes.count && bytes[position] == UInt8(ascii: mark)
        }

        mutating func byte() throws(StageError) -> UInt8 {
            guard position < bytes.count else { throw end }
            defer { position += 1 }
            return bytes[position]
        }

        mutating func number(_ count: Int) throws(StageError) -> UInt64 {
            var value: UInt64 = 0
            for _ in 0..<count { value = value << 8 | UInt64(try byte()) }
            return value
        }

        private mutating func text() throws(StageError) -> String {
            var text: [UInt8] = []
            while true {
                let next = try byte()
                if next == 0 { return String(decoding: text, as: UTF8.self) }
                text.append(next)
            }
        }

        mutating func relation() throws(StageError) -> Relation {
            var relation = Relation(id: UInt32(try number(4)), columns: [])
            _ = try text()
            _ = try text()
            _ = try byte()
            for _ in 0..<(try number(2)) {
                _ = try byte()
                relation.columns.append(try text())
                _ = try number(8)
            }
            return relation
        }

        /// A row behind one of the bytes that say what it is.
        mutating func row(marked marks: Unicode.Scalar...) throws(StageError) -> Row {
            guard marks.contains(where: { isNext($0) }) else {
                throw fault(
                    position < bytes.count ? "has no row where one belongs" : "ends too early")
            }
            position += 1
            var row: Row = []
            for _ in 0..<(try number(2)) {
                switch try byte() {
                case UInt8(ascii: "t"):
                    let count = Int(try number(4))
                    guard count <= bytes.count - position else { throw end }
                    row.append(
                        String(decoding: bytes[position..<(position + count)], as: UTF8.self))
                    position += count
                case UInt8(ascii: "n"), UInt8(ascii: "u"): row.append(nil)
                default:
                    position -= 1
                    throw fault("has a value of an unknown kind")
                }
            }
            return row
        }
    }
}
