package import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusQuery

/// A row that a search found, before its payload is read.
package struct Hit: Sendable {
    package var id: PointID
    package var location: ReadView.Location
    /// As the caller sees it; see `Metric`.
    package var score: Float
    package var orderValue: OrderValue? = nil
}

/// What a search for nearest neighbours is restricted to.
package struct SearchScope {
    package var filter: Filter?
    /// Only these rows of each segment, when the candidates come from a prefetch.
    package var candidates: [Bitmap]?
    /// Points that the query itself names.
    package var excluded: Set<PointID> = []
    package var parameters: SearchParameters
    package var scoreThreshold: Float?
    package var limit: Int
    /// Where searches put down the recall that they expect.
    package var recall = RecallEstimate()
    /// Where searches put down what they did; nil: nobody asks.
    package var recorder: SearchRecorder?

    /// Whether the rows of filters are to be found first, whatever that takes.
    var evaluatesFilters = false

    /// When searches shall be through, by what they are estimated to take; nil: it does not matter.
    package var timeLimit: ContinuousClock.Instant?

    /// By segment, the searches that were carried out together with those of other queries.
    var shared: [Int: PlannedSearch] = [:]

    /// Rows to find so that `limit` are left without the excluded ones.
    package var searchLimit: Int { limit + excluded.count }
}

extension ReadView {
    /// The `scope.limit` best rows for a vector, best first, ties by id.
    package func nearest(
        to vector: Vector, field name: String, _ scope: SearchScope
    ) throws -> [Hit] {
        guard scope.limit > 0 else { return [] }
        if let sparse = configuration.sparseVectors[name] {
            guard case .sparse(let query) = vector else {
                throw DatabaseError.wrongInput("vector `\(name)` takes sparse queries")
            }
            return try nearestSparse(to: query, field: name, configuration: sparse, scope)
        }
        guard let field = configuration.vectors[name] else {
            throw DatabaseError.vectorNameNotFound(name)
        }
        switch vector {
        case .dense(let query):
            return try nearestDense(to: query, field: name, metric: field.metric, scope)
        case .multi(let rows):
            return try nearestMulti(to: rows, field: name, configuration: field, scope)
        case .sparse:
            throw DatabaseError.wrongInput("vector `\(name)` takes dense queries")
        }
    }

    /// Exact: every row that shares an index with the query is scored.
    private func nearestSparse(
        to query: SparseVector, field name: String,
        configuration: SparseVectorConfiguration, _ scope: SearchScope
    ) throws -> [Hit] {
        let weighted =
            configuration.modifier == .idf
            ? try weightedByInverseDocumentFrequency(query, field: name) : query
        let watch = interruption.map { SearchWatch(interruption: $0) }
        var hits: [Hit] = []
        for (index, segment) in segments.enumerated() {
            guard let field = try segment.sparseField(name) else { continue }
            let admitted = try admittedRows(of: index, scope)
            let found = field.index.search(
                query: weighted, k: scope.searchLimit, filter: admitted.bitmap, watch: watch
            ) { row in admitted.contains(Int(row)) }
            try interruption?.check()
            for match in found {
                hits.append(
                    Hit(
                        id: segment.id(at: Int(match.ordinal)),
                        location: Location(segment: index, row: Int(match.ordinal)),
                        score: match.score))
            }
        }
        return Metric.dot.best(hits, scope)
    }

    /// Multiplies each weight by ln((N − n + 0.5) / (n + 0.5) + 1), with N rows that have the field
    /// and n of them with the index (Robertson & Spärck Jones, as BM25 uses it).
    func weightedByInverseDocumentFrequency(
        _ query: SparseVector, field name: String
    ) throws -> SparseVector {
        let indexes = try segments.compactMap { try $0.sparseField(name)?.index }
        let total = indexes.reduce(0) { $0 + $1.count }
        var weighted = query
        for (position, term) in query.indices.enumerated() {
            let frequency = indexes.reduce(0) { $0 + $1.documentFrequency(of: term) }
            weighted.values[position] *= SparseIndex.inverseDocumentFrequency(
                documentCount: total, documentFrequency: frequency)
        }
        return weighted
    }

    /// Which rows of a segment a scope admits.
    func admittedRows(of index: Int, _ scope: SearchScope) throws -> AdmittedRows {
        let segment = segments[index]
        let written = segment.writtenCount(through: lsn)
        return AdmittedRows(
            writtenCount: written, lsn: lsn, deletions: segment.deletions,
            bitmap: try bitmap(for: scope, of: index, writtenCount: written))
    }
}

/// The rows that may be returned: written and not deleted at the view's number, and in the bitmap.
struct AdmittedRows {
    let writtenCount: Int
    let lsn: SequenceNumber
    let deletions: RowDeletions
    let bitmap: Bitmap?

    func contains(_ row: Int) -> Bool {
        row < writtenCount && (bitmap?[row] ?? true) && deletions.isVisible(row, at: lsn)
    }
}

extension ReadView {
    /// The rows of a segment that a scope's filter and candidates allow; nil: all of them.
    /// `open`: what is known of the filter already.
    func bitmap(
        for scope: SearchScope, of index: Int, writtenCount: Int, open: OpenFilter? = nil
    ) throws -> Bitmap? {
        var bitmap: Bitmap?
        if let filter = scope.filter, !filter.isEmpty {
            bitmap = try matches(
                open?.key ?? schema.key(of: filter), in: segments[index],
                writtenCount: writtenCount, recorder: scope.recorder,
                estimate: open?.estimate.matching)
        }
        guard let candidates = scope.candidates?[index] else { return bitmap }
        bitmap?.formIntersection(candidates)
        return bitmap ?? candidates
    }
}

extension Metric {
    /// What the caller sees of an inner distance, where smaller is better.
    package func score(ofDistance distance: Float) -> Float {
        switch self {
        case .cosine, .dot: -distance
        case .euclid: distance.squareRoot()
        case .manhattan: distance
        }
    }

    /// Whether the first score is better than the second.
    package func isBetter(_ left: Float, than right: Float) -> Bool {
        higherIsBetter ? left > right : left < right
    }

    /// The hits within the threshold, best first, ties by id, `limit` at most.
    package func best(_ hits: [Hit], _ scope: SearchScope) -> [Hit] {
        var hits = hits
        if let threshold = scope.scoreThreshold {
            hits.removeAll { isBetter(threshold, than: $0.score) }
        }
        if !scope.excluded.isEmpty { hits.removeAll { scope.excluded.contains($0.id) } }
        hits.sort { left, right in
            left.score == right.score ? left.id < right.id : isBetter(left.score, than: right.score)
        }
        return Array(hits.prefix(scope.limit))
    }
}
