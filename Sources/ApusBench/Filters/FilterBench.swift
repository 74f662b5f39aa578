private import Apus
private import ApusCore

/// What it costs to find the rows that match a filter, with payload indexes and without.
///
/// Filters ask for values that rows have, drawn by chance, the same in every run. Each also excludes an id
/// that no point has and no other filter names, so that none is remembered.
package struct FilterBench {
    /// Filters of one kind.
    package struct Figure: Sendable {
        /// The field, or `all` for a condition on each.
        package var filter: String
        package var isIndexed: Bool
        /// Rows in a file; otherwise in memory.
        package var isSealed: Bool
        /// Mean over the filters.
        package var matchCount: Double
        /// Microseconds that half and 90 % of the filters took at most.
        package var p50: Double
        package var p90: Double
    }

    /// What writing the rows cost.
    package struct WriteCost: Sendable {
        package var isIndexed: Bool
        package var writeSeconds: Double
        package var sealSeconds: Double
        /// Of payload and its indexes in the file.
        package var byteCount: Int
    }

    private let values: PayloadValues
    private let filterCount: Int

    /// - Parameters:
    ///   - path: JSON Lines, plain or gzip; each line is the payload of a point.
    ///   - filterCount: filters of each kind; without indexes a tenth of them.
    package init(payloadAt path: String, fields: [PayloadValues.Field], filterCount: Int) throws {
        values = try PayloadValues(at: path, fields: fields)
        self.filterCount = filterCount
    }

    /// Measures in a database that it makes in `directory` and leaves there.
    package func run(
        in directory: String, figure: (Figure) -> Void, cost: (WriteCost) -> Void
    ) throws {
        let database = try Database.open(at: directory)
        for isIndexed in [false, true] {
            var configuration = CollectionConfiguration(dimension: 1, metric: .euclid)
            // What a graph costs is not the question.
            configuration.hnsw.m = 0
            let collection = try database.createCollection(
                isIndexed ? "indexed" : "plain", configuration)
            if isIndexed {
                for field in values.fields {
                    try collection.createPayloadIndex(field.path, field.schema)
                }
            }
            let writeSeconds = try Churn.time { try write(to: collection) }
            try measure(collection, isIndexed: isIndexed, isSealed: false, figure)
            let sealSeconds = try Churn.time { try collection.seal() }
            try measure(collection, isIndexed: isIndexed, isSealed: true, figure)
            cost(
                WriteCost(
                    isIndexed: isIndexed, writeSeconds: writeSeconds, sealSeconds: sealSeconds,
                    byteCount: collection.info().usage[.payload].disk))
        }
        try database.close()
    }

    private func write(to collection: Collection) throws {
        let batch = 1000
        for start in stride(from: 0, to: values.payloads.count, by: batch) {
            try collection.upsert(
                (start..<min(start + batch, values.payloads.count)).map {
                    Point(id: .number(UInt64($0)), vector: [0], payload: values.payloads[$0])
                })
        }
        try collection.waitUntilIndexed()
    }

    private func measure(
        _ collection: Collection, isIndexed: Bool, isSealed: Bool, _ figure: (Figure) -> Void
    ) throws {
        var random = Xorshift(seed: 1)
        let kinds = values.fields.map { ($0.path.description, [$0]) } + [("all", values.fields)]
        for (name, fields) in kinds {
            let count = max(1, isIndexed ? filterCount : filterCount / 10)
            var times: [Duration] = []
            var matchCount = 0
            for number in 0..<count {
                // Growing and sealed: the file goes on with what was remembered.
                let unknown = UInt64.max - UInt64(2 * number + (isSealed ? 1 : 0))
                let filter = Filter(
                    must: fields.map { values.condition(on: $0, &random) },
                    mustNot: [.hasID([.number(unknown)])])
                times.append(
                    try ContinuousClock().measure { matchCount += try collection.count(filter) })
            }
            times.sort()
            figure(
                Figure(
                    filter: name, isIndexed: isIndexed, isSealed: isSealed,
                    matchCount: Double(matchCount) / Double(count),
                    p50: times[count / 2] / .microseconds(1),
                    p90: times[count * 9 / 10] / .microseconds(1)))
        }
    }
}
