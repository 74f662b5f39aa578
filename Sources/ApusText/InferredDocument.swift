package import ApusCore

/// A text that a server of the wire API turns into a vector.
package struct InferredDocument: Hashable, Sendable {
    package var text: String
    package var model: String
    package var options: [String: JSONValue]

    package init(text: String, model: String, options: [String: JSONValue] = [:]) {
        self.text = text
        self.model = model
        self.options = options
    }

    /// The vector of a text that is stored: sparse by `qdrant/bm25`, dense by one of `DenseModels`.
    /// - Throws: `unimplemented` for another model, and what the options of BM25 throw.
    package func stored() throws(DatabaseError) -> Vector {
        if let dense = DenseModels.vector(of: text, by: model) { return dense }
        return noted(.sparse(try bm25().document(text)))
    }

    /// The vector of a text that is searched for.
    package func query() throws(DatabaseError) -> Vector {
        if let dense = DenseModels.vector(of: text, by: model) { return dense }
        return noted(.sparse(try bm25().query(text)))
    }

    private func noted(_ vector: Vector) -> Vector {
        InferredVectors.current?.note(vector, by: ModelName(Self.bm25))
        return vector
    }

    private static let bm25 = "qdrant/bm25"

    private func bm25() throws(DatabaseError) -> BM25 {
        guard model.lowercased() == Self.bm25 else {
            throw DatabaseError(
                .unimplemented,
                "inference with the model `\(model)`: there is only "
                    + ([Self.bm25] + DenseModels.names).joined(separator: ", "))
        }
        return BM25(try BM25Options(options))
    }
}
