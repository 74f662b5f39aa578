package import ApusCore

/// How many rows a condition holds for, by how long the lists are that would be united: none of them
/// is read.
extension PayloadIndex {
    /// Terms of a prefix that are looked up one by one.
    private static let termsMax = 256

    /// The rows that satisfy a condition on the field; nil: the index cannot tell. `isExact` is that of
    /// `rows(_:)`, which gives `candidates` rows. O(log values) for each value that is asked for.
    package func estimate(_ predicate: FieldPredicate) -> FilterEstimate? {
        switch content {
        case .terms(let terms, let lists):
            schema.type == .text
                ? textEstimate(predicate, terms, lists)
                : keywordEstimate(predicate, terms, lists)
        case .integers(let values, let lists, let ordered):
            integerEstimate(predicate, values, lists, ordered)
        case .numbers(let ordered): numberEstimate(predicate, ordered)
        case .times(let ordered):
            if case .datetimeRange(let range) = predicate {
                FilterEstimate(cardinality(at: ordered.places(range), of: ordered))
            } else {
                nil
            }
        case .booleans(let lists):
            if case .matchBool(let value) = predicate {
                FilterEstimate(.exactly(lists.cardinality(of: value ? 1 : 0)))
            } else {
                nil
            }
        case .places(let places):
            GeoArea(predicate).map { area in FilterEstimate(placesEstimate(area, places)) }
        }
    }

    /// Rows with no value but null or an empty array.
    package var emptyCount: Int { max(0, rowCount - count(.present)) }

    package var nullCount: Int { count(.null) }

    /// Rows that are in one of some lists, each of which holds a row once.
    private func union(_ lists: RowLists, _ numbers: some Collection<Int>) -> Cardinality {
        let counts = numbers.map(lists.cardinality(of:))
        let sum = counts.reduce(0) { min($0 + $1, Int(Int32.max)) }
        let typed = count(.typed)
        guard count(.several) > 0, counts.count > 1 else { return .exactly(min(sum, rowCount)) }
        let others = counts.reduce(1.0) { $0 * (1 - Double($1) / Double(max(1, typed))) }
        let most = min(sum, rowCount)
        return Cardinality(
            min: min(counts.max() ?? 0, most), expected: Double(typed) * (1 - others), max: most)
    }

    // MARK: Terms

    private func keywordEstimate(
        _ predicate: FieldPredicate, _ terms: TermDictionary, _ lists: RowLists
    ) -> FilterEstimate? {
        switch predicate {
        case .matchKeyword(let keyword):
            FilterEstimate(union(lists, terms.numbers(of: CollectionOfOne(keyword))))
        case .matchAnyKeyword(let keywords):
            FilterEstimate(union(lists, terms.numbers(of: keywords)))
        case .matchExceptKeyword(let keywords):
            except(union(lists, terms.numbers(of: keywords)))
        case .matchPrefix(let prefix):
            FilterEstimate(
                prefixCardinality(
                    terms.numbers(withPrefix: Array(prefix.utf8)), of: terms.count, lists))
        default: nil
        }
    }

    private func prefixCardinality(
        _ numbers: Range<Int>, of termCount: Int, _ lists: RowLists
    ) -> Cardinality {
        let first = numbers.prefix(Self.termsMax)
        let known = union(lists, first)
        guard first.count < numbers.count else { return known }
        let typed = count(.typed)
        let share = Double(numbers.count) / Double(max(1, termCount))
        return Cardinality(
            min: min(known.min, typed), expected: Double(typed) * share, max: typed)
    }

    private func except(_ excluded: Cardinality) -> FilterEstimate {
        let (typed, several, others) = (count(.typed), count(.several), count(.others))
        let least = max(others, typed - excluded.max, 0)
        // All that have a value of another type, and of the typed ones those that are not excluded or
        // may have another value besides.
        let unsure = min(several, excluded.max)
        let most = min(rowCount, max(least, typed - excluded.min + others + unsure))
        let cardinality = Cardinality(
            min: min(least, most), expected: Double(typed + others) - excluded.expected, max: most)
        return FilterEstimate(
            cardinality, candidates: cardinality.expected + Double(unsure), isExact: unsure == 0)
    }

    private func textEstimate(
        _ predicate: FieldPredicate, _ terms: TermDictionary, _ lists: RowLists
    ) -> FilterEstimate? {
        guard let query = TextQuery(predicate, parameters: schema.parameters ?? [:]) else {
            return nil
        }
        let numbers = query.tokens.map(terms.number(of:))
        let found = numbers.compactMap(\.self)
        if query.mode == .any { return FilterEstimate(anyToken(found, lists)) }
        guard !found.isEmpty, found.count == numbers.count else {
            return FilterEstimate(.exactly(0))
        }
        let typed = count(.typed)
        let all = tokenCounts(found, lists).reduce(Cardinality.exactly(typed)) {
            $0.intersection($1, of: typed)
        }
        let isExact = query.mode == .all && (found.count == 1 || !hasManyValues)
        return FilterEstimate(
            isExact ? all : all.withoutMin, candidates: all.expected, isExact: isExact)
    }

    /// A text has several tokens, whatever is said of values.
    private func anyToken(_ numbers: [Int], _ lists: RowLists) -> Cardinality {
        let typed = count(.typed)
        return tokenCounts(numbers, lists).reduce(Cardinality.exactly(0)) {
            $0.union($1, of: typed)
        }
    }

    private func tokenCounts(_ numbers: [Int], _ lists: RowLists) -> [Cardinality] {
        numbers.map { .exactly(min(lists.cardinality(of: $0), count(.typed))) }
    }

    // MARK: Numbers

    private func integerEstimate(
        _ predicate: FieldPredicate, _ values: SectionArray<Int64>, _ lists: RowLists,
        _ ordered: OrderedRows
    ) -> FilterEstimate? {
        switch predicate {
        case .matchInteger(let value):
            FilterEstimate(union(lists, values.numbers(of: CollectionOfOne(value))))
        case .matchAnyInteger(let wanted):
            FilterEstimate(union(lists, values.numbers(of: wanted)))
        case .matchExceptInteger(let unwanted):
            except(union(lists, values.numbers(of: unwanted)))
        default: numberEstimate(predicate, ordered)
        }
    }

    private func numberEstimate(
        _ predicate: FieldPredicate, _ ordered: OrderedRows
    ) -> FilterEstimate? {
        switch predicate {
        case .range(let range):
            return FilterEstimate(cardinality(at: ordered.places(range), of: ordered))
        case .matchInteger(let value):
            let found = cardinality(at: ordered.places(Double(value)), of: ordered)
            return FilterEstimate(
                found.withoutMin, candidates: found.expected, isExact: false)
        default: return nil
        }
    }

    /// Rows at some places: a row with several values may stand at several of them.
    private func cardinality(at places: Range<Int>, of ordered: OrderedRows) -> Cardinality {
        let most = min(places.count, rowCount)
        // Every row with a value of the type stands at one place; the other places repeat rows.
        let repeated = max(0, ordered.count - count(.typed))
        let least = max(places.isEmpty ? 0 : 1, most - repeated)
        let share = Double(repeated) / Double(max(1, ordered.count))
        return Cardinality(
            min: min(least, most), expected: Double(places.count) * (1 - share), max: most)
    }

    // MARK: Places

    private func placesEstimate(_ area: GeoArea, _ places: GeoRows) -> Cardinality {
        let found = places.estimatedCount(in: area)
        // Of what was counted, not estimated.
        let most = min(found.max, rowCount)
        guard places.count > count(.typed) else {
            return Cardinality(
                min: min(found.min, most), expected: found.expected, max: most)
        }
        let repeated = places.count - count(.typed)
        return Cardinality(
            min: min(max(found.min > 0 ? 1 : 0, found.min - repeated), most),
            expected: found.expected, max: most)
    }
}
