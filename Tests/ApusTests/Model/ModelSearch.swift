import Apus

extension ModelCollection {
    /// The score of each point that a search may return, by exact arithmetic.
    func scores(_ search: Search) -> [Int: Double] {
        let shape = Shape.all[self.shape]
        guard let field = shape.field(search.field) else { return [:] }
        let query = Shape.query(field, salt: search.salt)
        var scores: [Int: Double] = [:]
        for id in matching(search.filter) {
            guard let vector = points[id]?.vectors[search.field] else { continue }
            scores[id] = field.score(query, vector)
        }
        return scores
    }

    /// Why `found` is no right answer to the search; nil when it is one. An exact search must give
    /// the best points; any search must give points that are there, once each, with their scores,
    /// best first.
    func objection(to found: [ScoredPoint], search: Search) -> String? {
        let scores = scores(search)
        let higherIsBetter = Shape.all[shape].field(search.field)?.higherIsBetter ?? true
        var seen: Set<Int> = []
        var previous: (score: Float, id: PointID)?
        for hit in found {
            guard let id = Shape.number(hit.id), let score = scores[id] else {
                return "point \(hit.id) is not among the \(scores.count) that match"
            }
            guard seen.insert(id).inserted else { return "point \(hit.id) was found twice" }
            guard Self.isClose(Double(hit.score), score) else {
                return "point \(hit.id) has score \(hit.score), expected \(score)"
            }
            if let previous {
                let isOrdered =
                    previous.score == hit.score
                    ? previous.id < hit.id
                    : higherIsBetter ? previous.score > hit.score : previous.score < hit.score
                guard isOrdered else { return "point \(hit.id) is out of order" }
            }
            previous = (hit.score, hit.id)
        }
        guard found.count <= search.limit else { return "\(found.count) points were found" }
        guard search.isExact else { return nil }
        let best = scores.values.sorted { higherIsBetter ? $0 > $1 : $0 < $1 }.prefix(search.limit)
        guard found.count == best.count else {
            return "\(found.count) points were found, expected \(best.count)"
        }
        for (position, (hit, expected)) in zip(found, best).enumerated()
        where !Self.isClose(Double(hit.score), expected) {
            return "score \(position) is \(hit.score), the best one left is \(expected)"
        }
        return nil
    }

    /// How many of the best points were found, and how many there are: both count scores, so that
    /// ties are alike.
    func recall(of found: [ScoredPoint], search: Search) -> (found: Int, of: Int) {
        let higherIsBetter = Shape.all[shape].field(search.field)?.higherIsBetter ?? true
        let best = scores(search).values.sorted { higherIsBetter ? $0 > $1 : $0 < $1 }
            .prefix(search.limit)
        guard let last = best.last else { return (0, 0) }
        let hits = found.count { hit in
            let score = Double(hit.score)
            return Self.isClose(score, last) || (higherIsBetter ? score > last : score < last)
        }
        return (hits, best.count)
    }

    private static func isClose(_ left: Double, _ right: Double) -> Bool {
        abs(left - right) <= 1e-4 * max(1, abs(right))
    }
}

extension Shape.Field {
    var higherIsBetter: Bool {
        switch self {
        case .dense(_, let metric), .multi(_, let metric): metric.higherIsBetter
        case .sparse: true
        }
    }

    /// nil: the vector is no candidate.
    fileprivate func score(_ query: Vector, _ stored: Vector) -> Double? {
        switch (self, query, stored) {
        case (.dense(_, let metric), .dense(let query), .dense(let stored)):
            return Self.score(metric, query, stored)
        case (.multi(_, let metric), .multi(let queries), .multi(let rows)):
            return queries.reduce(0.0) { sum, query in
                sum + (rows.map { Self.score(metric, query, $0) }.max() ?? 0)
            }
        case (.sparse, .sparse(let query), .sparse(let stored)):
            let weights = Dictionary(uniqueKeysWithValues: zip(query.indices, query.values))
            let shared = zip(stored.indices, stored.values).compactMap { index, value in
                weights[index].map { Double($0) * Double(value) }
            }
            return shared.isEmpty ? nil : shared.reduce(0, +)
        default:
            return nil
        }
    }

    private static func score(_ metric: Metric, _ left: [Float], _ right: [Float]) -> Double {
        let pairs = zip(left.map(Double.init), right.map(Double.init))
        switch metric {
        case .dot: return pairs.reduce(0) { $0 + $1.0 * $1.1 }
        case .euclid: return pairs.reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
        case .manhattan: return pairs.reduce(0) { $0 + abs($1.0 - $1.1) }
        case .cosine:
            return score(.dot, Shape.normalised(left), Shape.normalised(right))
        }
    }
}
