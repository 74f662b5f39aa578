/// Why a query did what it did: the searches that it was made of, one of each segment and dense
/// vector, in the order in which they ran.
public struct QueryExplanation: Hashable, Sendable {
    public var searches: [SearchExplanation]
    /// Of the whole query, with reading the payload of what was found.
    public var duration: Duration

    public init(searches: [SearchExplanation], duration: Duration) {
        self.searches = searches
        self.duration = duration
    }
}

/// What was known of a segment before a search in it, what was chosen and what came of it.
public struct SearchExplanation: Hashable, Sendable {
    /// How rows that match the filter were found.
    public enum FilterSource: Hashable, Sendable {
        /// Another query had asked the same.
        case remembered
        /// Payload indexes, and so many rows looked at one by one.
        case evaluated(rowsRead: Int)
        /// They were not: what the search had found was asked, so many rows.
        case askedOfAnswers(rowsRead: Int)
    }

    public struct FilterResult: Hashable, Sendable {
        /// Rows that match, deleted ones included; of answers that were asked, as many as are expected.
        public var matchCount: Int
        /// What was known before; nil: another query had asked the same.
        public var estimate: Cardinality?
        public var source: FilterSource
        public var duration: Duration

        public init(
            matchCount: Int, estimate: Cardinality? = nil, source: FilterSource, duration: Duration
        ) {
            self.matchCount = matchCount
            self.estimate = estimate
            self.source = source
            self.duration = duration
        }
    }

    /// What came of a way to search that was carried out to know.
    public struct Outcome: Hashable, Sendable {
        /// Of the fastest of a few runs.
        public var duration: Duration
        /// Rows whose distance was computed.
        public var measuredCount: Int
        /// Share of the rows that a scan finds, or as near ones.
        public var recall: Double

        public init(duration: Duration, measuredCount: Int, recall: Double) {
            self.duration = duration
            self.measuredCount = measuredCount
            self.recall = recall
        }
    }

    /// A way to search, and what it was expected to cost.
    public struct Option: Hashable, Sendable {
        /// As `walk(ef: 100)`, `walk around refused(ef: 150)`, `walk, then filter(ef: 200,
        /// candidates: 60)`, `scan`, `scan of codes(candidates: 200)`, `probe(lists: 8, candidates:
        /// 100)`.
        public var plan: String
        /// Microseconds that it was estimated to take.
        public var cost: Double
        /// nil: it was not asked for.
        public var outcome: Outcome?

        public init(plan: String, cost: Double, outcome: Outcome? = nil) {
            self.plan = plan
            self.cost = cost
            self.outcome = outcome
        }
    }

    /// The vector field.
    public var field: String
    public var segment: UInt64
    /// Rows that the query may see, deleted ones included.
    public var rowCount: Int
    /// Rows that are in the field's index.
    public var indexedCount: Int
    /// nil: there was no filter.
    public var filter: FilterResult?
    public var chosen: Option
    /// The ways that were not chosen, cheapest first.
    public var others: [Option]
    /// The recall to expect; nil: nothing was measured that tells.
    public var recallExpected: Double?
    /// Rows whose distance was computed, by codes where the search used them.
    public var measuredCount: Int
    /// Of these, rows that were measured by their vectors after codes had found them.
    public var rescoredCount: Int
    public var foundCount: Int
    /// Of estimating the filter and choosing the plan.
    public var planning: Duration
    /// Of the search alone.
    public var duration: Duration
    /// Queries of a batch that were answered by one pass over the rows, this one among them. More
    /// than one: what was measured and how long it took are this query's share of it.
    public var sharedBy: Int

    public init(
        field: String, segment: UInt64, rowCount: Int, indexedCount: Int, filter: FilterResult?,
        chosen: Option, others: [Option], recallExpected: Double?, measuredCount: Int,
        rescoredCount: Int, foundCount: Int, planning: Duration, duration: Duration,
        sharedBy: Int = 1
    ) {
        self.planning = planning
        self.field = field
        self.segment = segment
        self.rowCount = rowCount
        self.indexedCount = indexedCount
        self.filter = filter
        self.chosen = chosen
        self.others = others
        self.recallExpected = recallExpected
        self.measuredCount = measuredCount
        self.rescoredCount = rescoredCount
        self.foundCount = foundCount
        self.duration = duration
        self.sharedBy = sharedBy
    }
}
