package import ApusCore

/// What payload indexes say of a filter before any row is looked at.
package struct FilterEstimate: Hashable, Sendable {
    package var matching: Cardinality
    /// Rows among which the matching ones are, as far as indexes can tell, in the mean.
    package var candidates: Double
    /// Whether indexes alone tell the rows that match.
    package var isExact: Bool

    package init(_ matching: Cardinality, candidates: Double? = nil, isExact: Bool = true) {
        self.matching = matching
        self.candidates = candidates ?? matching.expected
        self.isExact = isExact
    }

    /// Nothing is known of `count` rows.
    package static func unknown(of count: Int) -> FilterEstimate {
        FilterEstimate(.unknown(of: count), candidates: Double(count), isExact: false)
    }

    /// Rows that have to be looked at one by one.
    package var rowsToRead: Double { isExact ? 0 : candidates }

    /// Of two parts of a segment.
    package static func + (left: FilterEstimate, right: FilterEstimate) -> FilterEstimate {
        FilterEstimate(
            left.matching + right.matching, candidates: left.rowsToRead + right.rowsToRead,
            isExact: left.isExact && right.isExact)
    }

    func intersection(_ other: FilterEstimate, of count: Int) -> FilterEstimate {
        FilterEstimate(
            matching.intersection(other.matching, of: count),
            candidates: count == 0 ? 0 : candidates * other.candidates / Double(count),
            isExact: isExact && other.isExact)
    }

    func union(_ other: FilterEstimate, of count: Int) -> FilterEstimate {
        FilterEstimate(
            matching.union(other.matching, of: count),
            candidates: min(candidates + other.candidates, Double(count)),
            isExact: isExact && other.isExact)
    }

    /// Rows for which it does not hold. An index that cannot tell which do excludes none.
    func complement(of count: Int) -> FilterEstimate {
        FilterEstimate(
            matching.complement(of: count),
            candidates: isExact ? Double(count) - candidates : Double(count), isExact: isExact)
    }
}

extension IndexedFilter {
    /// How many rows match a filter, and how many `rows(_:)` leaves to be looked at.
    ///
    /// O(values that the filter names × log values of their fields); no row is looked at.
    package func estimate(_ filter: Filter) throws -> FilterEstimate {
        try estimate(filter, within: nil)
    }

    /// `parent`: the path of the array whose elements a nested filter looks at.
    private func estimate(
        _ filter: Filter, within parent: PayloadPath?
    ) throws -> FilterEstimate {
        var estimate = FilterEstimate(.exactly(rowCount))
        for condition in filter.must {
            estimate = estimate.intersection(
                try self.estimate(condition, within: parent), of: rowCount)
        }
        if !filter.should.isEmpty {
            let any = try filter.should.map { try self.estimate($0, within: parent) }
                .reduce(FilterEstimate(.exactly(0))) { $0.union($1, of: rowCount) }
            estimate = estimate.intersection(any, of: rowCount)
        }
        if let minShould = filter.minShould, minShould.count > 0 {
            estimate = estimate.intersection(
                try atLeast(minShould, within: parent), of: rowCount)
        }
        for condition in filter.mustNot {
            // Of an array's elements another one may have what one must not have.
            let refused =
                parent == nil
                ? try self.estimate(condition, within: nil) : .unknown(of: rowCount)
            estimate = estimate.intersection(refused.complement(of: rowCount), of: rowCount)
        }
        return estimate
    }

    private func atLeast(
        _ minShould: Filter.MinShould, within parent: PayloadPath?
    ) throws -> FilterEstimate {
        let estimates = try minShould.conditions.map { try estimate($0, within: parent) }
        let matching = Cardinality.inAtLeast(
            minShould.count, of: estimates.map(\.matching), among: rowCount)
        let sum = estimates.reduce(0) { $0 + $1.candidates }
        return FilterEstimate(
            matching, candidates: min(Double(rowCount), sum / Double(minShould.count)),
            isExact: estimates.allSatisfy(\.isExact))
    }

    private func estimate(
        _ condition: Condition, within parent: PayloadPath?
    ) throws -> FilterEstimate {
        switch condition {
        case .field(let path, let predicate):
            guard let found = try index(path.within(parent))?.estimate(predicate) else {
                return .unknown(of: rowCount)
            }
            // Some element has such a value; not necessarily the one that has the others.
            return parent == nil ? found : found.doubtful
        case .isEmpty(let path):
            guard parent == nil, let index = try index(path) else { return .unknown(of: rowCount) }
            return FilterEstimate(.exactly(index.emptyCount))
        case .isNull(let path):
            guard parent == nil, let index = try index(path) else { return .unknown(of: rowCount) }
            return FilterEstimate(.exactly(index.nullCount))
        case .hasID(let ids):
            guard parent == nil else { return .unknown(of: rowCount) }
            return FilterEstimate(
                .exactly(Set(rowsOfIDs(ids).lazy.filter { $0 < rowCount }).count))
        case .hasVector: return .unknown(of: rowCount)
        case .slice(let total, _):
            return FilterEstimate(
                Cardinality(
                    min: 0, expected: Double(rowCount) / Double(max(1, total)), max: rowCount),
                candidates: Double(rowCount), isExact: false)
        case .nested(let path, let filter):
            return try estimate(filter, within: path.everyElement.within(parent)).doubtful
        case .filter(let filter): return try estimate(filter, within: parent)
        }
    }
}

extension FilterEstimate {
    /// The same where not every row that is counted may match.
    fileprivate var doubtful: FilterEstimate {
        FilterEstimate(matching.withoutMin, candidates: candidates, isExact: false)
    }
}
