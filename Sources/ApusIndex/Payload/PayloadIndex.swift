package import ApusCore

/// Which rows of a segment have which values of one payload field.
///
/// A payload index is to a filter what an inverted index is to a text: for each value the rows that
/// have it (terms, integers, booleans), or the rows by value (numbers, times, places), so that a
/// condition is answered by uniting a few sets instead of reading every payload. It is made once for
/// rows that do not change any more (`PayloadIndexBuilder`) and read where it lies, in a mapped file
/// or in memory. Rows that are deleted later stay in it: readers leave them out.
///
/// What it answers is what `CompiledFilter` says of the same rows, condition by condition; where an
/// index cannot say, it gives rows among which the matching ones are (`RowSet.isExact`), and these are
/// looked at one by one. Opening looks at every byte once.
package final class PayloadIndex: Sendable {
    package let rowCount: Int
    package let byteCount: Int
    /// Whether its bytes are in memory of their own.
    package let isInMemory: Bool
    let flags: RowLists
    let content: Content
    /// Of a text index: how texts are split.
    package let schema: PayloadFieldSchema
    /// Several values at the path are looked at one by one, not together.
    let hasManyValues: Bool

    enum Content: Sendable {
        case terms(TermDictionary, RowLists)
        case integers(SectionArray<Int64>, RowLists, OrderedRows)
        case numbers(OrderedRows)
        case times(OrderedRows)
        case booleans(RowLists)
        case places(GeoRows)
    }

    /// Opens what `PayloadIndexBuilder.encoded` gave, in memory of its own.
    package convenience init(
        copying bytes: [UInt8], of field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws(MalformedBytes) {
        try self.init(SectionBytes(bytes), field, schema)
    }

    /// Opens the same where it lies: it must not outlive the memory behind `bytes`.
    package convenience init(
        mapping bytes: UnsafeRawBufferPointer, of field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws(MalformedBytes) {
        unsafe try self.init(SectionBytes(bytes), field, schema)
    }

    private init(
        _ bytes: SectionBytes, _ field: PayloadPath, _ schema: PayloadFieldSchema
    ) throws(MalformedBytes) {
        var reader = bytes.reader()
        let (form, rowCount) = try PayloadIndexFormat.readHeader(&reader)
        guard form == schema.form else {
            throw MalformedBytes("a payload index of another type of field", offset: 8)
        }
        var parts = try SectionParts(bytes, after: &reader)
        flags = try RowLists(&parts, rowCount: rowCount)
        guard flags.count == PayloadIndexFormat.Flag.allCases.count else {
            throw parts.malformed("a payload index with \(flags.count) flags")
        }
        content = try Content(form, &parts, rowCount: rowCount)
        try parts.finish()
        self.rowCount = rowCount
        byteCount = bytes.count
        isInMemory = bytes.isOwned
        self.schema = schema
        hasManyValues = field.steps.contains(.everyElement)
    }

    func rows(_ flag: PayloadIndexFormat.Flag) -> Bitmap { flags.rows(of: flag.rawValue) }

    func count(_ flag: PayloadIndexFormat.Flag) -> Int { flags.cardinality(of: flag.rawValue) }

    /// The rows with no value but null or an empty array.
    package var emptyRows: Bitmap {
        var rows = rows(.present)
        rows.invert()
        return rows
    }

    /// The rows with a null.
    package var nullRows: Bitmap { rows(.null) }

    /// The rows that satisfy a condition on the field; nil: the index cannot tell.
    package func rows(_ predicate: FieldPredicate) -> RowSet? {
        switch content {
        case .terms(let terms, let lists):
            schema.type == .text
                ? textRows(predicate, terms, lists) : keywordRows(predicate, terms, lists)
        case .integers(let values, let lists, let ordered):
            integerRows(predicate, values, lists, ordered)
        case .numbers(let ordered): numberRows(predicate, ordered)
        case .times(let ordered):
            if case .datetimeRange(let range) = predicate {
                RowSet(rows(at: ordered.places(range), of: ordered))
            } else {
                nil
            }
        case .booleans(let lists):
            if case .matchBool(let value) = predicate {
                RowSet(lists.rows(of: value ? 1 : 0))
            } else {
                nil
            }
        case .places(let places): placeRows(predicate, places)
        }
    }

    private func rows(at places: Range<Int>, of ordered: OrderedRows) -> Bitmap {
        var rows = Bitmap(count: rowCount)
        ordered.unite(places, into: &rows)
        return rows
    }

    private func union(_ lists: RowLists, _ numbers: some Sequence<Int>) -> Bitmap {
        var rows = Bitmap(count: rowCount)
        for number in numbers { lists.unite(number, into: &rows) }
        return rows
    }

    // MARK: Terms

    private func keywordRows(
        _ predicate: FieldPredicate, _ terms: TermDictionary, _ lists: RowLists
    ) -> RowSet? {
        switch predicate {
        case .matchKeyword(let keyword):
            RowSet(union(lists, terms.numbers(of: CollectionOfOne(keyword))))
        case .matchAnyKeyword(let keywords): RowSet(union(lists, terms.numbers(of: keywords)))
        case .matchExceptKeyword(let keywords):
            except(union(lists, terms.numbers(of: keywords)))
        case .matchPrefix(let prefix):
            RowSet(union(lists, terms.numbers(withPrefix: Array(prefix.utf8))))
        default: nil
        }
    }

    /// The rows with a value that is not among some of which `excluded` are the rows.
    private func except(_ excluded: Bitmap) -> RowSet {
        let others = rows(.others)
        // A row with several values may have another one besides.
        var unsure = rows(.several)
        unsure.formIntersection(excluded)
        unsure.subtract(others)
        var rows = rows(.typed)
        rows.subtract(excluded)
        rows.formUnion(others)
        rows.formUnion(unsure)
        return RowSet(rows, isExact: unsure.isEmpty)
    }

    private func textRows(
        _ predicate: FieldPredicate, _ terms: TermDictionary, _ lists: RowLists
    ) -> RowSet? {
        guard let query = TextQuery(predicate, parameters: schema.parameters ?? [:]) else {
            return nil
        }
        let numbers = query.tokens.map(terms.number(of:))
        if query.mode == .any { return RowSet(union(lists, numbers.compactMap(\.self))) }
        guard !numbers.isEmpty, !numbers.contains(nil) else {
            return RowSet(Bitmap(count: rowCount))
        }
        // The rarest first: what is left only shrinks.
        var sorted = numbers.compactMap(\.self).sorted {
            lists.cardinality(of: $0) < lists.cardinality(of: $1)
        }
        var rows = lists.rows(of: sorted.removeFirst())
        for number in sorted { rows.formIntersection(lists.rows(of: number)) }
        let isExact = query.mode == .all ? sorted.isEmpty || !hasManyValues : false
        return RowSet(rows, isExact: isExact)
    }

    // MARK: Numbers

    private func integerRows(
        _ predicate: FieldPredicate, _ values: SectionArray<Int64>, _ lists: RowLists,
        _ ordered: OrderedRows
    ) -> RowSet? {
        switch predicate {
        case .matchInteger(let value):
            RowSet(union(lists, values.numbers(of: CollectionOfOne(value))))
        case .matchAnyInteger(let wanted): RowSet(union(lists, values.numbers(of: wanted)))
        case .matchExceptInteger(let unwanted):
            except(union(lists, values.numbers(of: unwanted)))
        default: numberRows(predicate, ordered)
        }
    }

    private func numberRows(_ predicate: FieldPredicate, _ ordered: OrderedRows) -> RowSet? {
        switch predicate {
        case .range(let range): RowSet(rows(at: ordered.places(range), of: ordered))
        case .matchInteger(let value):
            // Among them a floating-point number of the same value, which does not match.
            RowSet(rows(at: ordered.places(Double(value)), of: ordered), isExact: false)
        default: nil
        }
    }

    // MARK: Places

    private func placeRows(_ predicate: FieldPredicate, _ places: GeoRows) -> RowSet? {
        guard let area = GeoArea(predicate) else { return nil }
        var rows = Bitmap(count: rowCount)
        places.unite(area, into: &rows)
        return RowSet(rows)
    }
}

/// Rows that a condition or a filter selects.
package struct RowSet: Sendable {
    package var rows: Bitmap
    /// Whether all of `rows` match; otherwise those that match are among them.
    package var isExact: Bool

    package init(_ rows: Bitmap, isExact: Bool = true) {
        self.rows = rows
        self.isExact = isExact
    }
}

extension PayloadIndex.Content {
    fileprivate init(
        _ form: PayloadIndexFormat.Form, _ parts: inout SectionParts, rowCount: Int
    ) throws(MalformedBytes) {
        switch form {
        case .terms:
            let terms = try TermDictionary(&parts)
            let lists = try RowLists(&parts, rowCount: rowCount)
            guard lists.count == terms.count else { throw parts.malformed("a term without rows") }
            self = .terms(terms, lists)
        case .integers:
            let values: SectionArray<Int64> = try parts.next()
            let lists = try RowLists(&parts, rowCount: rowCount)
            guard lists.count == values.count else {
                throw parts.malformed("an integer without rows")
            }
            for position in 1..<max(1, values.count) where values[position - 1] >= values[position]
            {
                throw parts.malformed("integer \(position) is out of order")
            }
            self = .integers(values, lists, try OrderedRows(&parts, rowCount: rowCount))
        case .numbers: self = .numbers(try OrderedRows(&parts, rowCount: rowCount))
        case .times: self = .times(try OrderedRows(&parts, rowCount: rowCount))
        case .booleans:
            let lists = try RowLists(&parts, rowCount: rowCount)
            guard lists.count == 2 else { throw parts.malformed("\(lists.count) truth values") }
            self = .booleans(lists)
        case .places: self = .places(try GeoRows(&parts, rowCount: rowCount))
        }
    }
}

extension TermDictionary {
    func numbers(of terms: some Collection<String>) -> [Int] {
        terms.compactMap { number(of: Array($0.utf8)) }
    }
}

extension SectionArray<Int64> {
    /// The positions of those of `wanted` that are here. REQUIRES: they ascend.
    func numbers(of wanted: some Collection<Int64>) -> [Int] {
        wanted.compactMap { value in
            let position = firstPosition(notBelow: value)
            return position < count && self[position] == value ? position : nil
        }
    }
}

extension OrderedRows {
    /// The places of values within bounds; bounds that are no numbers hold nothing.
    func places(_ range: NumericRange) -> Range<Int> {
        let bounds = [range.greaterThan, range.greaterOrEqual, range.lessThan, range.lessOrEqual]
        guard bounds.allSatisfy({ $0.map { !$0.isNaN } ?? true }) else { return 0..<0 }
        return places(
            above: range.greaterThan.flatMap(OrderedKey.key),
            atLeast: range.greaterOrEqual.flatMap(OrderedKey.key),
            below: range.lessThan.flatMap(OrderedKey.key),
            atMost: range.lessOrEqual.flatMap(OrderedKey.key))
    }

    func places(_ range: DatetimeRange) -> Range<Int> {
        places(
            above: range.greaterThan.map { OrderedKey.key($0.microseconds) },
            atLeast: range.greaterOrEqual.map { OrderedKey.key($0.microseconds) },
            below: range.lessThan.map { OrderedKey.key($0.microseconds) },
            atMost: range.lessOrEqual.map { OrderedKey.key($0.microseconds) })
    }

    /// The places of one value.
    func places(_ value: Double) -> Range<Int> {
        places(NumericRange(greaterOrEqual: value, lessOrEqual: value))
    }

    private func places(
        above: UInt64?, atLeast: UInt64?, below: UInt64?, atMost: UInt64?
    ) -> Range<Int> {
        let start = max(above.map(first(above:)) ?? 0, atLeast.map(first(atLeast:)) ?? 0)
        let end = min(below.map(first(atLeast:)) ?? count, atMost.map(first(above:)) ?? count)
        return start..<max(start, end)
    }
}

extension GeoArea {
    /// The area of a condition; nil: it is about something else.
    init?(_ predicate: FieldPredicate) {
        switch predicate {
        case .geoRadius(let center, let metres): self = .circle(center: center, metres: metres)
        case .geoBoundingBox(let topLeft, let bottomRight):
            self = .box(topLeft: topLeft, bottomRight: bottomRight)
        case .geoPolygon(let exterior, let interiors):
            self = .polygon(exterior: exterior, interiors: interiors)
        default: return nil
        }
    }
}
