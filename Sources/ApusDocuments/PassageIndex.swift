package import Apus
package import ApusPipeline

/// Passages in a collection of an embedded database, found by what they mean (dense vectors) and by
/// the words that they share with a question (BM25).
package struct PassageIndex: Sendable {
    package enum Ranking: String, Hashable, Sendable, CaseIterable {
        /// By the cosine of their vectors.
        case dense
        /// By BM25.
        case lexical
        /// By both, mostly by the vectors: reciprocal rank fusion with weights.
        case hybrid
    }

    private enum Field {
        static let dense = "dense"
        static let lexical = "lexical"
    }

    private enum Key {
        static let source = "source"
        static let start = "start"
        static let end = "end"
        static let text = "text"
        static let headings = "headings"
        /// Marks a collection as one of ours, in its metadata.
        static let model = "apus.passages.model"
    }

    /// Passages that each ranking hands to the fusion.
    private static let candidateCount = 50
    /// With equal weights the fusion is worse than vectors alone on `Fixtures/retrieval`; with these
    /// it is as good, and finds names that no vocabulary has.
    private static let denseWeight: Float = 1
    private static let lexicalWeight: Float = 0.3

    private let collection: Apus.Collection
    private let embedder: any Embedder
    private let lexical: LexicalVector

    /// Makes an empty index, in the place of one of the same name.
    ///
    /// `tokenizer` cuts texts into the terms of BM25, `usualLength` of which a passage has.
    /// - Throws: `DatabaseError`, `.alreadyExists` where a collection has the name that is no index
    ///   of passages.
    package init(
        replacing name: String, in database: Database, embedder: any Embedder,
        tokenizer: WordPieceTokenizer, usualLength: Int = 100
    ) throws {
        if database.hasCollection(name) {
            let metadata = try database.collection(name).configuration.metadata
            guard metadata?[Key.model] != nil else {
                throw DatabaseError(
                    .alreadyExists,
                    "the collection `\(name)` in \(database.path) is no index of passages, and is "
                        + "left as it is")
            }
            _ = try database.dropCollection(name)
        }
        let model = embedder.model
        collection = try database.createCollection(
            name,
            CollectionConfiguration(
                vectors: [
                    Field.dense: DenseVectorConfiguration(
                        dimension: model.dimension, metric: .cosine)
                ],
                sparseVectors: [Field.lexical: SparseVectorConfiguration(modifier: .idf)],
                metadata: [Key.model: .string("\(model.id) \(model.version)")]))
        try collection.adoptModels([Field.dense: model.card])
        self.embedder = embedder
        lexical = LexicalVector(tokenizer: tokenizer, usualLength: usualLength)
    }

    /// Passages in the index.
    package func count() async throws -> Int { try await collection.count() }

    /// Embeds passages and writes them, in one batch; their numbers go on from `firstNumber`.
    package func add(_ passages: [Passage], firstNumber: Int) async throws {
        guard !passages.isEmpty else { return }
        let texts = passages.map(\.embeddedText)
        let vectors = try await embedder.embed(texts)
        var points: [Point] = []
        for (offset, passage) in passages.enumerated() {
            var fields: [String: Vector] = [:]
            if let dense = Self.dense(vectors[offset]) { fields[Field.dense] = dense }
            let words = lexical.passage(texts[offset])
            if !words.indices.isEmpty { fields[Field.lexical] = .sparse(words) }
            points.append(
                Point(
                    id: .number(UInt64(firstNumber + offset)), vectors: fields,
                    payload: Self.payload(of: passage)))
        }
        try await collection.upsert(points)
    }

    /// The passages that fit a question best, best first, at most `limit`; none for a question
    /// without anything to look for.
    package func search(
        _ question: String, limit: Int, ranking: Ranking = .hybrid
    ) async throws -> [PassageHit] {
        let vector = try await embedder.embed([question]).first.flatMap(Self.dense)
        let words = lexical.question(question)
        let candidates = max(limit, Self.candidateCount)
        var parts: [Prefetch] = []
        var weights: [Float] = []
        if let vector, ranking != .lexical {
            parts.append(
                Prefetch(
                    query: .nearest(.vector(vector)), using: Field.dense, limit: candidates))
            weights.append(Self.denseWeight)
        }
        if !words.indices.isEmpty, ranking != .dense {
            parts.append(
                Prefetch(
                    query: .nearest(.vector(.sparse(words))), using: Field.lexical,
                    limit: candidates))
            weights.append(Self.lexicalWeight)
        }
        guard let only = parts.first else { return [] }
        var request =
            parts.count > 1
            ? QueryRequest(
                query: .fusion(.reciprocalRank(k: 2, weights: weights)), prefetch: parts)
            : QueryRequest(query: only.query, using: only.using)
        request.limit = limit
        request.withPayload = .all
        return try await collection.query(request).compactMap(Self.hit)
    }

    /// Nil for the zero vector, which has no direction: no part of the text is known to the embedder.
    private static func dense(_ vector: [Float]) -> Vector? {
        vector.contains { $0 != 0 } ? .dense(vector) : nil
    }

    private static func payload(of passage: Passage) -> Payload {
        let chunk = passage.chunk
        return [
            Key.source: .string(passage.source),
            Key.start: .integer(Int64(chunk.source.lowerBound)),
            Key.end: .integer(Int64(chunk.source.upperBound)),
            Key.text: .string(chunk.text),
            Key.headings: .array(chunk.headings.map { .string($0) }),
        ]
    }

    /// Nil for a point that is no passage.
    private static func hit(_ point: ScoredPoint) -> PassageHit? {
        guard let payload = point.payload, case .string(let source)? = payload[Key.source],
            case .string(let text)? = payload[Key.text],
            case .integer(let start)? = payload[Key.start],
            case .integer(let end)? = payload[Key.end], start >= 0, start <= end
        else { return nil }
        var headings: [String] = []
        if case .array(let values)? = payload[Key.headings] {
            for case .string(let heading) in values { headings.append(heading) }
        }
        let chunk = Chunk(text: text, source: Int(start)..<Int(end), headings: headings)
        return PassageHit(passage: Passage(source: source, chunk: chunk), score: point.score)
    }
}
