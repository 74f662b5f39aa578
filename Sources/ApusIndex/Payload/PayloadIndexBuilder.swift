package import ApusCore

/// Collects the values of one payload field, row by row, and gives the bytes of its index.
///
/// Memory: the values of all rows, until `encoded` has sorted them. O(values × log values).
package struct PayloadIndexBuilder {
    private let path: CompiledPath
    private let form: PayloadIndexFormat.Form
    private let tokenizer: TextTokenizer?
    private let rowCount: Int
    private var flags = [[UInt32]](repeating: [], count: PayloadIndexFormat.Flag.allCases.count)
    private var terms: [[UInt8]: [UInt32]] = [:]
    private var integers: [Int64: [UInt32]] = [:]
    private var booleans: [[UInt32]] = [[], []]
    private var ordered: [(key: UInt64, row: UInt32)] = []
    private var places: [GeoRows.Entry] = []

    /// An index of `rowCount` rows of a field.
    package init(_ field: PayloadPath, _ schema: PayloadFieldSchema, rowCount: Int) {
        path = CompiledPath(field)
        form = schema.form
        tokenizer = schema.type == .text ? TextTokenizer(schema.parameters ?? [:]) : nil
        self.rowCount = rowCount
    }

    /// Takes a row's values. Rows come in ascending order, each once.
    package mutating func add(_ payload: EncodedPayload, at row: Int) {
        precondition(row >= 0 && row < rowCount)
        let row = UInt32(row)
        var typedCount = 0
        var hasOthers = false
        var hasNull = false
        // An element of an array counts as a value even when it is null.
        payload.forEachFlatValue(at: path) { value in
            if value.kind == .null {
                hasNull = true
            } else if take(value, row) {
                typedCount += 1
            } else {
                hasOthers = true
            }
        }
        if payload.hasValue(at: path) { set(.present, row) }
        if hasNull { set(.null, row) }
        if typedCount > 0 { set(.typed, row) }
        if typedCount > 1 { set(.several, row) }
        if hasOthers { set(.others, row) }
    }

    private mutating func set(_ flag: PayloadIndexFormat.Flag, _ row: UInt32) {
        flags[flag.rawValue].append(row)
    }

    /// Whether the value is of the index's type.
    private mutating func take(_ value: EncodedValue, _ row: UInt32) -> Bool {
        switch form {
        case .terms:
            return value.withText { takeText($0, row) } != nil
        case .integers:
            if let number = value.number, let key = OrderedKey.key(number) {
                ordered.append((key, row))
            }
            guard let integer = value.integer else { return false }
            integers[integer, default: []].appendOnce(row)
            return true
        case .numbers:
            guard let number = value.number, let key = OrderedKey.key(number) else { return false }
            ordered.append((key, row))
            return true
        case .times:
            guard let time = value.withText({ TimestampParser.parse($0) }) ?? nil else {
                return false
            }
            ordered.append((OrderedKey.key(time.microseconds), row))
            return true
        case .booleans:
            guard case .bool(let flag) = value.kind else { return false }
            booleans[flag ? 1 : 0].appendOnce(row)
            return true
        case .places:
            guard let point = value.geoPoint else { return false }
            places.append(GeoRows.Entry(point, row: row))
            return true
        }
    }

    private mutating func takeText(_ text: borrowing Span<UInt8>, _ row: UInt32) {
        guard let tokenizer else {
            var term: [UInt8] = []
            term.reserveCapacity(text.count)
            for index in 0..<text.count { term.append(text[index]) }
            terms[term, default: []].appendOnce(row)
            return
        }
        tokenizer.forEachDocumentToken(of: text) { terms[$0, default: []].appendOnce(row) }
    }

    /// The index, as `PayloadIndex` reads it.
    package func encoded() -> [UInt8] {
        var parts = SectionPartsWriter(
            header: PayloadIndexFormat.header(form, rowCount: rowCount))
        RowLists.write(flags, rowCount: rowCount, to: &parts)
        switch form {
        case .terms:
            let sorted = terms.sorted { $0.key.lexicographicallyPrecedes($1.key) }
            TermDictionary.write(sorted.map(\.key), to: &parts)
            RowLists.write(sorted.map(\.value), rowCount: rowCount, to: &parts)
        case .integers:
            let sorted = integers.sorted { $0.key < $1.key }
            parts.add(sorted.map(\.key))
            RowLists.write(sorted.map(\.value), rowCount: rowCount, to: &parts)
            OrderedRows.write(inOrder(ordered), rowCount: rowCount, to: &parts)
        case .numbers, .times:
            OrderedRows.write(inOrder(ordered), rowCount: rowCount, to: &parts)
        case .booleans:
            RowLists.write(booleans, rowCount: rowCount, to: &parts)
        case .places:
            GeoRows.write(places, rowCount: rowCount, to: &parts)
        }
        return parts.encoded()
    }

    private func inOrder(
        _ entries: [(key: UInt64, row: UInt32)]
    ) -> [(key: UInt64, row: UInt32)] {
        entries.sorted { $0.key == $1.key ? $0.row < $1.row : $0.key < $1.key }
    }
}

extension [UInt32] {
    /// Appends a row unless it is the last one.
    fileprivate mutating func appendOnce(_ row: UInt32) {
        if last != row { append(row) }
    }
}
