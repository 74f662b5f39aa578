package import ApusCore

/// What payload indexes say of a filter: the rows that match, or rows among which they are.
///
/// Conditions that no index answers restrict nothing and make the answer inexact; so does one that
/// an index answers with more rows than match. Whoever gets an inexact answer evaluates the filter on
/// each of its rows.
package struct IndexedFilter {
    /// Rows are numbered from 0 below this.
    let rowCount: Int
    /// The index of a field; nil: there is none.
    let index: (PayloadPath) throws -> PayloadIndex?
    /// The rows of points with some ids, among them rows that were replaced since.
    let rowsOfIDs: (Set<PointID>) -> [Int]

    package init(
        rowCount: Int, rowsOfIDs: @escaping (Set<PointID>) -> [Int],
        index: @escaping (PayloadPath) throws -> PayloadIndex?
    ) {
        self.rowCount = rowCount
        self.rowsOfIDs = rowsOfIDs
        self.index = index
    }

    /// The rows of a filter; nil: the indexes restrict nothing, every row has to be looked at.
    package func rows(_ filter: Filter) throws -> RowSet? {
        let answer = try answer(filter, within: nil)
        return answer.rows.map { RowSet($0, isExact: answer.isExact) }
            ?? (answer.isExact ? RowSet(Bitmap(count: rowCount, repeating: true)) : nil)
    }

    /// Rows, nil for all of them; and whether they all match.
    private struct Answer {
        var rows: Bitmap?
        var isExact: Bool

        static let everything = Answer(rows: nil, isExact: true)
        static let unknown = Answer(rows: nil, isExact: false)

        init(rows: Bitmap?, isExact: Bool) {
            self.rows = rows
            self.isExact = isExact
        }

        init(_ set: RowSet?) {
            rows = set?.rows
            isExact = set?.isExact ?? false
        }

        func with(isExact: Bool) -> Answer { Answer(rows: rows, isExact: isExact) }

        mutating func formIntersection(_ other: Answer) {
            isExact = isExact && other.isExact
            guard let others = other.rows else { return }
            rows?.formIntersection(others)
            if rows == nil { rows = others }
        }
    }

    /// `parent`: the path of the array whose elements a nested filter looks at.
    private func answer(_ filter: Filter, within parent: PayloadPath?) throws -> Answer {
        var answer = Answer.everything
        for condition in filter.must {
            answer.formIntersection(try self.answer(condition, within: parent))
        }
        if !filter.should.isEmpty {
            answer.formIntersection(try anyOf(filter.should, within: parent))
        }
        if let minShould = filter.minShould, minShould.count > 0 {
            answer.formIntersection(try atLeast(minShould, within: parent))
        }
        for condition in filter.mustNot {
            guard parent == nil else { return answer.with(isExact: false) }
            let refused = try self.answer(condition, within: nil)
            guard refused.isExact else {
                answer.isExact = false
                continue
            }
            guard let refusedRows = refused.rows else {
                return Answer(rows: Bitmap(count: rowCount), isExact: true)
            }
            var rows = answer.rows ?? Bitmap(count: rowCount, repeating: true)
            rows.subtract(refusedRows)
            answer.rows = rows
        }
        return answer
    }

    private func anyOf(_ conditions: [Condition], within parent: PayloadPath?) throws -> Answer {
        var union = Bitmap(count: rowCount)
        var isExact = true
        for condition in conditions {
            let answer = try answer(condition, within: parent)
            guard let rows = answer.rows else { return answer }
            union.formUnion(rows)
            isExact = isExact && answer.isExact
        }
        return Answer(rows: union, isExact: isExact)
    }

    /// Rows that at least so many conditions hold for.
    private func atLeast(
        _ minShould: Filter.MinShould, within parent: PayloadPath?
    ) throws -> Answer {
        guard minShould.count <= minShould.conditions.count else {
            return Answer(rows: Bitmap(count: rowCount), isExact: true)
        }
        var counts = [UInt32](repeating: 0, count: rowCount)
        var isExact = true
        for condition in minShould.conditions {
            let answer = try answer(condition, within: parent)
            guard let rows = answer.rows else {
                guard answer.isExact else { return .unknown }
                for row in counts.indices { counts[row] += 1 }
                continue
            }
            rows.forEach { counts[$0] += 1 }
            isExact = isExact && answer.isExact
        }
        var rows = Bitmap(count: rowCount)
        for row in counts.indices where counts[row] >= minShould.count { rows[row] = true }
        return Answer(rows: rows, isExact: isExact)
    }

    private func answer(_ condition: Condition, within parent: PayloadPath?) throws -> Answer {
        switch condition {
        case .field(let path, let predicate):
            let answer = Answer(try index(path.within(parent))?.rows(predicate))
            // Some element has such a value; not necessarily the one that has the others.
            return parent == nil ? answer : answer.with(isExact: false)
        case .isEmpty(let path):
            guard parent == nil, let index = try index(path) else { return .unknown }
            return Answer(rows: index.emptyRows, isExact: true)
        case .isNull(let path):
            guard parent == nil, let index = try index(path) else { return .unknown }
            return Answer(rows: index.nullRows, isExact: true)
        case .hasID(let ids):
            guard parent == nil else { return .unknown }
            var rows = Bitmap(count: rowCount)
            for row in rowsOfIDs(ids) where row < rowCount { rows[row] = true }
            return Answer(rows: rows, isExact: true)
        case .hasVector, .slice: return .unknown
        case .nested(let path, let filter):
            let elements = path.everyElement.within(parent)
            return try answer(filter, within: elements).with(isExact: false)
        case .filter(let filter): return try answer(filter, within: parent)
        }
    }
}

extension PayloadPath {
    /// This path, from the payload's top.
    func within(_ parent: PayloadPath?) -> PayloadPath {
        parent.map { PayloadPath(steps: $0.steps + steps) } ?? self
    }
}
