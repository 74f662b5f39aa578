package import ApusCore

extension Condition {
    /// Any form of condition; its keys say which.
    ///
    /// | keys | condition |
    /// |---|---|
    /// | `key` and predicates | on the values of a payload field |
    /// | `is_empty: {key}`, `is_null: {key}` | on the absence of a field |
    /// | `has_id`, `has_vector`, `slice` | on the point itself |
    /// | `nested` | on one element of an array of objects |
    /// | `must`, `should`, `must_not`, `min_should` | a filter in the filter |
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var parts = ConditionParts()
        try reader.beginObject()
        while let key = try reader.nextKey() { try parts.read(key, &reader) }
        self = try parts.condition(of: reader, at: start)
    }
}

/// What the members of one condition object said.
private struct ConditionParts {
    private var key: PayloadPath?
    /// Conditions on the field `key`, which may come later in the text.
    private var onField: [(PayloadPath) -> Condition] = []
    /// Conditions that need no field.
    private var complete: [Condition] = []
    private var filter = Filter()
    private var hasClauses = false

    mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        switch name {
        case "key": key = try PayloadPath(reading: &reader)
        case "match", "range", "geo_bounding_box", "geo_radius", "geo_polygon", "values_count":
            guard !reader.readNull() else { return }
            let predicate = try FieldPredicate(named: name, reading: &reader)
            onField.append { .field($0, predicate) }
        case "is_empty": try readAbsence(&reader) { .isEmpty($0) }
        case "is_null": try readAbsence(&reader) { .isNull($0) }
        case "has_id":
            complete.append(.hasID(Set(try reader.array(of: PointID.init(reading:)))))
        case "has_vector": complete.append(.hasVector(try reader.readString()))
        case "nested": complete.append(try Condition(readingNested: &reader))
        case "slice": complete.append(try Condition(readingSlice: &reader))
        default:
            guard try filter.readClause(name, &reader) else {
                throw reader.malformed(
                    "unknown field `\(JSONError.shortened(name))` in a condition", at: start)
            }
            hasClauses = true
        }
    }

    /// `{"is_empty": {"key": path}}`, or beside a `key`: `{"key": path, "is_empty": true}`.
    private mutating func readAbsence(
        _ reader: inout JSONReader, _ condition: @escaping (PayloadPath) -> Condition
    ) throws(JSONError) {
        switch try reader.peek() {
        case .null: _ = reader.readNull()
        case .bool:
            let isWanted = try reader.readBool()
            onField.append { path in
                isWanted ? condition(path) : .filter(Filter(mustNot: [condition(path)]))
            }
        case .object, .array, .string, .number:
            let start = reader.position()
            var path: PayloadPath?
            try reader.beginObject()
            while let name = try reader.nextKey() {
                if name == "key" {
                    path = try PayloadPath(reading: &reader)
                } else {
                    try reader.skipValue()
                }
            }
            complete.append(condition(try reader.require(path, "key", ofObjectAt: start)))
        }
    }

    /// The one condition that the parts make. Several predicates of one field are alternatives,
    /// as the wire API has it.
    func condition(of reader: JSONReader, at start: Int) throws(JSONError) -> Condition {
        let kinds = complete.count + (hasClauses ? 1 : 0) + (key == nil ? 0 : 1)
        guard kinds <= 1 else {
            throw reader.malformed("several kinds of condition in one object", at: start)
        }
        if let key {
            if onField.count == 1 { return onField[0](key) }
            guard !onField.isEmpty else {
                throw JSONError(
                    .outOfRange, "at least one field condition must be specified", offset: start)
            }
            return .filter(Filter(should: onField.map { $0(key) }))
        }
        guard onField.isEmpty else { throw reader.malformed("missing field `key`", at: start) }
        return complete.first ?? .filter(filter)
    }
}

extension Condition {
    fileprivate init(readingNested reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var path: PayloadPath?
        var filter: Filter?
        try reader.beginObject()
        while let name = try reader.nextKey() {
            switch name {
            case "key": path = try PayloadPath(reading: &reader)
            case "filter": filter = try Filter(reading: &reader)
            default: try reader.skipValue()
            }
        }
        self = .nested(
            try reader.require(path, "key", ofObjectAt: start),
            try reader.require(filter, "filter", ofObjectAt: start))
    }

    fileprivate init(readingSlice reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var total: Int?
        var index: Int?
        let largest = Int(UInt32.max)
        try reader.beginObject()
        while let name = try reader.nextKey() {
            switch name {
            case "total": total = try reader.readCount(in: 1...largest)
            case "index": index = try reader.readCount(in: 0...largest)
            default: try reader.skipValue()
            }
        }
        let slices = try reader.require(total, "total", ofObjectAt: start)
        let slice = try reader.require(index, "index", ofObjectAt: start)
        guard slice < slices else {
            throw JSONError(
                .outOfRange, "index \(slice) invalid, must be less than total \(slices)",
                offset: start)
        }
        self = .slice(total: UInt32(slices), index: UInt32(slice))
    }
}
