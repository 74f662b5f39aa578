private import Apus
private import ApusCore

/// Whether the planner chooses well: random filters, for which every way to search is carried out.
package struct PlannerBench {
    /// What a way to search took, was estimated to take, in microseconds, and found at least.
    package struct Way: Sendable {
        package var microseconds = 0.0
        package var estimated = 0.0
        package var recall = 1.0
    }

    /// Of one filter.
    package struct Figure: Sendable {
        /// Rows that match, over all segments.
        package var matchCount: Int
        /// Microseconds of what was chosen, in all segments.
        package var chosen: Double
        /// The recall of what was chosen, the lowest of the segments.
        package var recall: Double
        /// Microseconds of the fastest way that finds enough, in each segment.
        package var best: Double
        /// What came of each way, in all segments that have it, by its first words.
        package var ways: [String: Way]
        package var plans: [String]
        package var bestPlans: [String]
        /// Microseconds that the rows of the filter took to find.
        package var filtering: Double
        /// Microseconds that estimating the filter and choosing took.
        package var planning: Double
    }

    private static let warmUpCount = 2000

    private let dataset: Dataset
    private let values: PayloadValues
    private let conditionCounts: ClosedRange<Int>
    private let recallMin: Double
    private let k: Int

    /// - Parameters:
    ///   - conditionCount: of a filter; nil: from one to three, on as many fields.
    ///   - recallMin: what a way has to find to be among those to choose from.
    package init(
        _ dataset: Dataset, fields: [PayloadValues.Field], conditionCount: Int? = nil,
        recallMin: Double, k: Int
    ) throws {
        self.dataset = dataset
        conditionCounts = conditionCount.map { $0...$0 } ?? 1...min(3, max(1, fields.count))
        self.recallMin = recallMin
        self.k = k
        values = try PayloadValues(
            dataset.payloads ?? [], fields: fields, place: "the payload of \(dataset.name)")
    }

    /// Measures in the database in `directory`, which is made and filled if it is not there. What a
    /// way takes is the median of so many rounds through all of them.
    package func run(
        in directory: String, filterCount: Int, rounds: Int, figure: (Figure) throws -> Void
    ) throws {
        let database = try Database.open(at: directory)
        defer { try? database.close() }
        let collection = try collection(in: database)
        // Other filters before: a database that was just opened reads its files meanwhile.
        _ = try planningTimes(of: collection, filterCount: Self.warmUpCount, seed: 2)
        let planning = try planningTimes(of: collection, filterCount: filterCount, seed: 1)
        var random = Xorshift(seed: 1)
        for number in 0..<filterCount {
            let query = dataset.queries[number % dataset.queries.count]
            var request = QueryRequest(nearest: Array(query), limit: k)
            request.filter = values.filter(conditionCounts, &random)
            var searches: [[SearchExplanation]] = []
            for _ in 0..<rounds {
                let answer = try collection.explain(request, comparing: true)
                searches.append(answer.explanation?.searches ?? [])
            }
            guard let first = searches.first, !first.isEmpty else { continue }
            var judged = judge(first.indices.map { part in Search(searches.map { $0[part] }) })
            judged.planning = planning[number]
            try figure(judged)
        }
    }

    /// Microseconds of planning each filter, one behind the other: the ways that are compared later
    /// leave nothing of a filter in the caches.
    private func planningTimes(
        of collection: Collection, filterCount: Int, seed: UInt64
    ) throws -> [Double] {
        var random = Xorshift(seed: seed)
        return try (0..<filterCount).map { number in
            let query = dataset.queries[number % dataset.queries.count]
            var request = QueryRequest(nearest: Array(query), limit: k)
            request.filter = values.filter(conditionCounts, &random)
            let searches = try collection.explain(request).explanation?.searches ?? []
            return searches.reduce(0) { $0 + $1.planning / .microseconds(1) }
        }
    }

    private func collection(in database: Database) throws -> Collection {
        let name = "planner"
        if database.hasCollection(name) { return try database.collection(name) }
        let collection = try database.createCollection(
            name, CollectionConfiguration(dimension: dataset.base.dimension, metric: dataset.metric)
        )
        for field in values.fields { try collection.createPayloadIndex(field.path, field.schema) }
        for start in stride(from: 0, to: dataset.base.count, by: 1000) {
            try collection.upsert(
                (start..<min(start + 1000, dataset.base.count)).map(dataset.point))
        }
        try collection.waitUntilIndexed()
        try collection.seal()
        return collection
    }

    /// A segment's search, several times: its ways and the median of what each took.
    private struct Search {
        let explanation: SearchExplanation
        private let durations: [String: Duration]

        init(_ rounds: [SearchExplanation]) {
            explanation = rounds[0]
            var durations: [String: [Duration]] = [:]
            for option in rounds.flatMap({ [$0.chosen] + $0.others }) {
                guard let outcome = option.outcome else { continue }
                durations[option.plan, default: []].append(outcome.duration)
            }
            self.durations = durations.mapValues { $0.sorted()[$0.count / 2] }
        }

        func microseconds(_ option: SearchExplanation.Option) -> Double? {
            durations[option.plan].map { $0 / .microseconds(1) }
        }
    }

    private func judge(_ searches: [Search]) -> Figure {
        var figure = Figure(
            matchCount: 0, chosen: 0, recall: 1, best: 0, ways: [:], plans: [], bestPlans: [],
            filtering: 0, planning: 0)
        for search in searches {
            let segment = search.explanation
            figure.matchCount += segment.filter?.matchCount ?? segment.rowCount
            figure.filtering += segment.filter.map { $0.duration / .microseconds(1) } ?? 0
            let options = [segment.chosen] + segment.others
            figure.plans.append(segment.chosen.plan)
            if let outcome = segment.chosen.outcome {
                figure.chosen += search.microseconds(segment.chosen) ?? 0
                figure.recall = min(figure.recall, outcome.recall)
            }
            let enough = options.filter { $0.outcome.map { $0.recall >= recallMin } ?? false }
            let best = enough.min {
                (search.microseconds($0) ?? 0) < (search.microseconds($1) ?? 0)
            }
            if let best {
                figure.best += search.microseconds(best) ?? 0
                figure.bestPlans.append(best.plan)
            }
            for option in options {
                guard let outcome = option.outcome, let taken = search.microseconds(option) else {
                    continue
                }
                let way = String(option.plan.prefix { $0 != "(" })
                var sum = figure.ways[way] ?? Way()
                sum.microseconds += taken
                sum.estimated += option.cost
                sum.recall = min(sum.recall, outcome.recall)
                figure.ways[way] = sum
            }
        }
        return figure
    }
}
