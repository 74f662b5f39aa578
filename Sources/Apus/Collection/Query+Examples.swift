internal import ApusCore
internal import ApusKernels
internal import ApusQuery

#if canImport(Darwin)
private import Darwin
#else
private import Glibc
#endif

/// Queries by examples: recommend, discover, context and relevance feedback.
///
/// Examples that are points of this collection are left out of the answer. But for recommendations by
/// an average vector, which are as fast as any search, every admitted point is compared with every
/// example.
extension QueryExecution {
    func recommend(
        _ positive: [VectorInput], _ negative: [VectorInput], _ strategy: RecommendStrategy,
        _ target: ExampleField, _ scope: SearchScope
    ) throws -> [Hit] {
        switch strategy {
        case .averageVector:
            guard !positive.isEmpty else {
                throw DatabaseError(
                    .validation,
                    "Validation error: recommend needs at least one positive example")
            }
            let average = AverageVector.of(
                positive: try positive.map { try raw($0, target) },
                negative: try negative.map { try raw($0, target) })
            guard let average else {
                throw DatabaseError.wrongInput("recommend has examples of different kinds")
            }
            let query = try PointValidation(view.configuration).stored(
                average, field: target.name, place: .other("the average of the examples"),
                isDerived: true)
            return try view.nearest(
                to: query, field: target.name,
                leavingOut(positive + negative, target, scope))
        case .bestScore, .sumScores:
            guard !positive.isEmpty || !negative.isEmpty else {
                throw DatabaseError(
                    .validation, "Validation error: recommend needs at least one example")
            }
            return try rank(
                by: positive + negative,
                strategy == .bestScore
                    ? .bestScore(positive: positive.count) : .sumScores(positive: positive.count),
                target, scope)
        }
    }

    func discover(
        _ wanted: VectorInput, _ context: [ContextPair], _ target: ExampleField,
        _ scope: SearchScope
    ) throws -> [Hit] {
        try rank(by: [wanted] + context.examples, .discovery, target, scope)
    }

    func context(
        _ context: [ContextPair], _ target: ExampleField, _ scope: SearchScope
    ) throws -> [Hit] {
        guard !context.isEmpty else {
            throw DatabaseError(
                .validation, "Validation error: context needs at least one pair of examples")
        }
        return try rank(by: context.examples, .context, target, scope)
    }

    func relevanceFeedback(
        _ wanted: VectorInput, _ feedback: [FeedbackItem], _ weights: FeedbackWeights,
        _ target: ExampleField, _ scope: SearchScope
    ) throws -> [Hit] {
        guard !feedback.isEmpty else {
            throw DatabaseError(
                .validation, "Validation error: relevance_feedback needs at least one item")
        }
        var examples = [wanted]
        var pairWeights: [Float] = []
        for better in feedback {
            for worse in feedback where better.score > worse.score {
                examples += [better.example, worse.example]
                pairWeights.append(powf(better.score - worse.score, weights.b) * weights.c)
            }
        }
        // Items that no pair has are left out of the answer all the same.
        let mentioned = leavingOut(feedback.map(\.example), target, scope)
        return try rank(
            by: examples, .feedback(target: weights.a, pairs: pairWeights), target, mentioned)
    }

    private func rank(
        by examples: [VectorInput], _ form: ExampleScore, _ target: ExampleField,
        _ scope: SearchScope
    ) throws -> [Hit] {
        // A pair of feedback repeats examples; each is looked up once.
        var vectors: [VectorInput: Vector] = [:]
        for example in examples where vectors[example] == nil {
            vectors[example] = try vector(example, field: target.name, lookup: target.lookup)
        }
        return try view.ranked(
            by: examples.compactMap { vectors[$0] }, form, field: target.name,
            leavingOut(examples, target, scope))
    }

    /// The vector of an example, checked, but as it was given and not as it would be stored.
    private func raw(_ input: VectorInput, _ target: ExampleField) throws -> Vector {
        let stored = try vector(input, field: target.name, lookup: target.lookup)
        guard case .vector(let given) = input else { return stored }
        switch (given, stored) {
        case (.dense(let row), .multi): return .multi([row])
        default: return given
        }
    }

    /// The scope without the examples that are points of this collection.
    private func leavingOut(
        _ examples: [VectorInput], _ target: ExampleField, _ scope: SearchScope
    ) -> SearchScope {
        guard target.lookup == nil else { return scope }
        var scope = scope
        for case .id(let id) in examples { scope.excluded.insert(id) }
        return scope
    }
}

/// Where the vectors of examples come from, and which are compared with them.
struct ExampleField {
    var name: String
    var lookup: LookupLocation?
}

extension [ContextPair] {
    fileprivate var examples: [VectorInput] { flatMap { [$0.positive, $0.negative] } }
}

extension ReadView {
    /// Scores every admitted row that has the field. O(rows · examples).
    fileprivate func ranked(
        by examples: [Vector], _ form: ExampleScore, field name: String, _ scope: SearchScope
    ) throws -> [Hit] {
        guard let field = configuration.vectors[name], !field.isMultiVector else {
            return try rankedExtras(by: examples, form, field: name, scope)
        }
        let similarity = VectorSimilarity(field)
        let queries = examples.compactMap { example -> [Float]? in
            if case .dense(let floats) = example { floats } else { nil }
        }
        return try ranked(form, scope) { segment in
            guard let field = try segment.denseField(name) else { return nil }
            return { row in
                guard field.hasVector(at: row) else { return nil }
                return queries.map { similarity.plain($0, field.vectors, row) }
            }
        }
    }

    /// The same for sparse and multi vectors, which are read row by row.
    private func rankedExtras(
        by examples: [Vector], _ form: ExampleScore, field name: String, _ scope: SearchScope
    ) throws -> [Hit] {
        var queries = examples
        if configuration.sparseVectors[name]?.modifier == .idf {
            queries = try examples.map { example in
                guard case .sparse(let sparse) = example else { return example }
                return .sparse(try weightedByInverseDocumentFrequency(sparse, field: name))
            }
        }
        let similarity = VectorSimilarity(configuration.vectors[name])
        return try ranked(form, scope) { segment in
            { row in
                guard let stored = try segment.extras(at: row)[name] else { return nil }
                return queries.map { similarity($0, stored) }
            }
        }
    }

    /// `similarities` gives for a segment what gives those of a row; nil: it lacks the field.
    private func ranked(
        _ form: ExampleScore, _ scope: SearchScope,
        similarities: (any Segment) throws -> ((Int) throws -> [Float]?)?
    ) throws -> [Hit] {
        var hits: [Hit] = []
        for (index, segment) in segments.enumerated() {
            guard let similarities = try similarities(segment) else { continue }
            let admitted = try admittedRows(of: index, scope)
            for row in 0..<segment.writtenCount(through: lsn) where admitted.contains(row) {
                guard let found = try similarities(row) else { continue }
                hits.append(
                    Hit(
                        id: segment.id(at: row), location: Location(segment: index, row: row),
                        score: form.score(found)))
            }
        }
        // These scores are similarities under every metric.
        return Metric.dot.best(hits, scope)
    }
}
