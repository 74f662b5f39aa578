/// A filter prepared for evaluation over many points.
///
/// Prepare it once per query. It is immutable; any number of threads may use it.
package struct CompiledFilter: Sendable {
    private let root: CompiledConditions

    /// Whether some condition looks at the payload; otherwise any payload gives the same result.
    package let needsPayload: Bool

    /// Prepares `filter`. Text conditions split a field's text as its text index in `schema` says;
    /// where there is none, into lower-case words.
    package init(_ filter: Filter, schema: [PayloadPath: PayloadFieldSchema] = [:]) {
        root = CompiledConditions(filter, schema: schema, within: nil)
        needsPayload = filter.needsPayload
    }

    /// Whether the point matches. `hasVector` says whether it has a vector in the named field.
    package func matches(
        id: PointID, payload: Payload, hasVector: (String) -> Bool
    ) -> Bool {
        root.matches(JSONValue.object(payload), id: id, hasVector: hasVector)
    }

    /// Whether the point matches, reading only those values of its payload that matter.
    package func matches(
        id: PointID, payload: EncodedPayload, hasVector: (String) -> Bool
    ) -> Bool {
        root.matches(payload.root, id: id, hasVector: hasVector)
    }
}

extension Filter {
    /// Whether a point matches. For many points, prepare a `CompiledFilter`.
    public func matches(
        id: PointID, payload: Payload, vectorNames: Set<String> = []
    ) -> Bool {
        CompiledFilter(self).matches(id: id, payload: payload) { vectorNames.contains($0) }
    }

    fileprivate var needsPayload: Bool {
        (must + should + mustNot + (minShould?.conditions ?? [])).contains { condition in
            switch condition {
            case .field, .isEmpty, .isNull, .nested: true
            case .hasID, .hasVector, .slice: false
            case .filter(let filter): filter.needsPayload
            }
        }
    }
}

/// The prepared form of `Filter`.
struct CompiledConditions: Sendable {
    let must: [CompiledCondition]
    let should: [CompiledCondition]
    let mustNot: [CompiledCondition]
    let minShould: (conditions: [CompiledCondition], count: Int)?

    /// `parent` is the path of the array whose elements a nested filter looks at: fields of the
    /// schema are named from the payload's top.
    init(_ filter: Filter, schema: [PayloadPath: PayloadFieldSchema], within parent: PayloadPath?) {
        func compile(_ conditions: [Condition]) -> [CompiledCondition] {
            conditions.map { CompiledCondition($0, schema: schema, within: parent) }
        }
        must = compile(filter.must)
        should = compile(filter.should)
        mustNot = compile(filter.mustNot)
        minShould = filter.minShould.map { (compile($0.conditions), $0.count) }
    }
}

/// The prepared form of `Condition`.
indirect enum CompiledCondition: Sendable {
    case field(CompiledPath, CompiledPredicate)
    case valuesCount(CompiledPath, NumericRange)
    /// On a field with a text index: the texts of an array count together.
    case text(CompiledPath, TextQuery)
    case isEmpty(CompiledPath)
    case isNull(CompiledPath)
    case hasID(Set<PointID>)
    case hasVector(String)
    case nested(CompiledPath, CompiledConditions)
    case slice(total: UInt64, index: UInt64)
    case filter(CompiledConditions)

    init(
        _ condition: Condition, schema: [PayloadPath: PayloadFieldSchema],
        within parent: PayloadPath?
    ) {
        switch condition {
        case .field(let path, .valuesCount(let range)):
            self = .valuesCount(CompiledPath(path), range)
        case .field(let path, let predicate):
            let fullPath = PayloadPath(steps: (parent?.steps ?? []) + path.steps)
            if let schema = schema[fullPath], schema.type == .text,
                let query = TextQuery(predicate, parameters: schema.parameters ?? [:])
            {
                self = .text(CompiledPath(path), query)
            } else {
                self = .field(CompiledPath(path), CompiledPredicate(predicate))
            }
        case .isEmpty(let path): self = .isEmpty(CompiledPath(path))
        case .isNull(let path): self = .isNull(CompiledPath(path))
        case .hasID(let ids): self = .hasID(ids)
        case .hasVector(let name): self = .hasVector(name)
        case .nested(let path, let filter):
            let elements = path.everyElement
            let fullPath = PayloadPath(steps: (parent?.steps ?? []) + elements.steps)
            self = .nested(
                CompiledPath(elements),
                CompiledConditions(filter, schema: schema, within: fullPath))
        case .slice(let total, let index):
            self = .slice(total: UInt64(total), index: UInt64(index))
        case .filter(let filter):
            self = .filter(CompiledConditions(filter, schema: schema, within: parent))
        }
    }
}

/// The prepared form of `FieldPredicate`, but for `valuesCount`.
enum CompiledPredicate: Sendable {
    case keyword([UInt8])
    case integer(Int64)
    case bool(Bool)
    case text(TextQuery)
    case hasPrefix([UInt8])
    case anyKeyword(KeywordSet)
    case anyInteger(Set<Int64>)
    case exceptKeyword(KeywordSet)
    case exceptInteger(Set<Int64>)
    case range(NumericRange)
    case datetimeRange(DatetimeRange)
    case geo(GeoArea)
    case never

    init(_ predicate: FieldPredicate) {
        switch predicate {
        case .matchKeyword(let keyword): self = .keyword(Array(keyword.utf8))
        case .matchInteger(let number): self = .integer(number)
        case .matchBool(let value): self = .bool(value)
        case .matchText, .matchTextAny, .matchPhrase:
            self = TextQuery(predicate, parameters: [:]).map { .text($0) } ?? .never
        case .matchPrefix(let prefix): self = .hasPrefix(Array(prefix.utf8))
        case .matchAnyKeyword(let keywords): self = .anyKeyword(KeywordSet(keywords))
        case .matchAnyInteger(let numbers): self = .anyInteger(numbers)
        case .matchExceptKeyword(let keywords): self = .exceptKeyword(KeywordSet(keywords))
        case .matchExceptInteger(let numbers): self = .exceptInteger(numbers)
        case .range(let range): self = .range(range)
        case .datetimeRange(let range): self = .datetimeRange(range)
        case .geoRadius(let center, let metres):
            self = .geo(.circle(center: center, metres: metres))
        case .geoBoundingBox(let topLeft, let bottomRight):
            self = .geo(.box(topLeft: topLeft, bottomRight: bottomRight))
        case .geoPolygon(let exterior, let interiors):
            self = .geo(.polygon(exterior: exterior, interiors: interiors))
        case .valuesCount: self = .never
        }
    }
}

/// Keywords, looked up by their bytes: text that Unicode calls equivalent but that is written
/// differently is different, as the wire API has it.
struct KeywordSet: Sendable {
    /// Ascending in byte order.
    private let keywords: [[UInt8]]

    init(_ keywords: some Sequence<String>) {
        self.keywords = keywords.map { Array($0.utf8) }
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// O(log n) comparisons.
    func contains(_ text: borrowing Span<UInt8>) -> Bool {
        var low = 0
        var high = keywords.count
        while low < high {
            let middle = (low + high) / 2
            let order = text.order(to: keywords[middle])
            if order == 0 { return true }
            if order < 0 { high = middle } else { low = middle + 1 }
        }
        return false
    }
}
