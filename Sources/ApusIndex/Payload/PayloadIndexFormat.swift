package import ApusCore

/// The bytes of a payload index: a header of 16 bytes, then parts (`SectionParts`).
///
/// | offset | type | meaning |
/// |---|---|---|
/// | 0 | 4 bytes | magic `APPX` |
/// | 4 | u32 | version, 1 |
/// | 8 | u32 | form: 0 terms, 1 integers, 2 numbers, 3 times, 4 booleans, 5 places |
/// | 12 | u32 | rows |
///
/// The first three parts are row lists (`RowLists`) of five sets: rows with a value that is neither
/// null nor an empty array; with a null; with a value of the index's type; with several of these; with
/// a value of another type that is not null. Then
///
/// | form | parts |
/// |---|---|
/// | terms | a dictionary (`TermDictionary`), row lists of its terms |
/// | integers | the distinct integers (i64, ascending), their row lists, rows by number |
/// | numbers, times | rows by value (`OrderedRows`) |
/// | booleans | row lists of false and true |
/// | places | rows by place on a Z-order curve (`OrderedRows`), longitudes and latitudes in that order (f64) |
enum PayloadIndexFormat {
    static let magic: [UInt8] = Array("APPX".utf8)
    static let version: UInt32 = 1

    enum Form: UInt32, Sendable {
        case terms
        case integers
        case numbers
        case times
        case booleans
        case places
    }

    /// The sets that every index has.
    enum Flag: Int, CaseIterable {
        case present
        case null
        case typed
        case several
        case others
    }

    static func header(_ form: Form, rowCount: Int) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 16)
        writer.write(bytes: magic)
        writer.write(version)
        writer.write(form.rawValue)
        writer.write(UInt32(rowCount))
        return writer.bytes
    }

    static func readHeader(
        _ reader: inout ByteReader
    ) throws(MalformedBytes) -> (form: Form, rowCount: Int) {
        for expected in magic {
            guard try reader.read(UInt8.self) == expected else {
                throw MalformedBytes("a payload index without its magic", offset: 0)
            }
        }
        let version: UInt32 = try reader.read()
        guard version <= Self.version else {
            throw MalformedBytes(
                newer: "the payload index", version: UInt64(version), known: UInt64(Self.version),
                offset: 4)
        }
        guard version == Self.version else {
            throw MalformedBytes("a payload index of unknown version \(version)", offset: 4)
        }
        guard let form = Form(rawValue: try reader.read()) else {
            throw MalformedBytes("a payload index of unknown form", offset: 8)
        }
        return (form, Int(try reader.read(UInt32.self)))
    }
}

extension PayloadFieldSchema {
    /// The form of its index.
    var form: PayloadIndexFormat.Form {
        switch type {
        case .keyword, .uuid, .text: .terms
        case .integer: .integers
        case .float: .numbers
        case .datetime: .times
        case .bool: .booleans
        case .geo: .places
        }
    }

    /// Whether an index that was made for this schema answers for `other` too: the same values are
    /// in it, split into the same terms.
    package func hasSameIndex(as other: PayloadFieldSchema) -> Bool {
        guard type == other.type else { return false }
        guard type == .text, parameters != other.parameters else { return true }
        return ["tokenizer", "lowercase", "min_token_len", "max_token_len"].allSatisfy {
            parameters?[$0] == other.parameters?[$0]
        }
    }
}
