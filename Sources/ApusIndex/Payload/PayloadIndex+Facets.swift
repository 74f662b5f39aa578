package import ApusCore

extension PayloadIndex {
    /// Whether `forEachFacet` knows every value of the field that has facets: an index of keywords
    /// knows no integers.
    package var knowsFacets: Bool {
        guard count(.others) == 0 else { return false }
        return switch content {
        // The terms of a text index are words, not values.
        case .terms: schema.type != .text
        case .integers, .booleans: true
        case .numbers, .times, .places: false
        }
    }

    /// Calls `body` with each value and how many of the rows have it, or of those among `rows`.
    package func forEachFacet(among rows: Bitmap?, _ body: (FacetValue, Int) -> Void) {
        func forEach(_ lists: RowLists, value: (Int) -> FacetValue) {
            for list in 0..<lists.count {
                let count =
                    rows.map { lists.cardinality(of: list, among: $0) }
                    ?? lists.cardinality(of: list)
                if count > 0 { body(value(list), count) }
            }
        }
        switch content {
        case .terms(let terms, let lists):
            forEach(lists) { .string(String(decoding: terms.term($0), as: UTF8.self)) }
        case .integers(let values, let lists, _): forEach(lists) { .integer(values[$0]) }
        case .booleans(let lists): forEach(lists) { .bool($0 == 1) }
        case .numbers, .times, .places: break
        }
    }
}
