package import ApusCore

extension PointSelection {
    /// `{"points": [ids]}` or `{"filter": filter}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var parts = SelectionParts()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if try !parts.read(key, &reader) { try reader.skipValue() }
        }
        self = try parts.selection(ofObjectAt: start)
    }
}

/// The members of an object that say which points it concerns.
struct SelectionParts {
    private var ids: [PointID]?
    private var filter: Filter?

    /// Reads the member of that name; false if it is none of these.
    mutating func read(_ name: String, _ reader: inout JSONReader) throws(JSONError) -> Bool {
        switch name {
        case "points":
            ids = try reader.optional { (reader) throws(JSONError) in
                try reader.array(of: PointID.init(reading:))
            }
        case "filter": filter = try reader.optional(Filter.init(reading:))
        case "shard_key": try reader.refuse("shard_key")
        default: return false
        }
        return true
    }

    /// Ids count before a filter. Having neither is an error, not "all points".
    func selection(ofObjectAt start: Int) throws(JSONError) -> PointSelection {
        if let ids { return .ids(ids) }
        if let filter { return .filter(filter) }
        throw JSONError(
            .malformed, "either `points` (a list of ids) or `filter` must be given", offset: start)
    }
}

extension JSONReader {
    /// Throws unless the next value is null: the API has it, this server has not.
    mutating func refuse(_ feature: String) throws(JSONError) {
        let start = position()
        guard !readNull() else { return }
        throw JSONError(.unsupported, feature, offset: start)
    }

    func unsupported(_ feature: String) -> JSONError {
        JSONError(.unsupported, feature, offset: offset)
    }
}
