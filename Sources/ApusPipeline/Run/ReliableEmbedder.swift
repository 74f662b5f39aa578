private import ApusCore

/// An embedder whose answers are checked, and which is asked again when it fails.
///
/// Texts that it refuses, or that it has no usable vector for, are told apart from those that it
/// takes: a refused request is asked again in halves, down to single texts.
package struct ReliableEmbedder: Sendable {
    package let embedder: any Embedder
    private let retry: Retry
    /// Texts and bytes of a request.
    private let textsMax: Int
    private let bytesMax: Int

    package init(
        _ embedder: any Embedder, retry: Retry = Retry(), textsMax: Int = 64,
        bytesMax: Int = 1 << 20
    ) {
        self.embedder = embedder
        self.retry = retry
        self.textsMax = max(1, textsMax)
        self.bytesMax = max(1, bytesMax)
    }

    /// Why a text has no vector.
    package struct Refusal: Error, Hashable, Sendable {
        package var reason: String

        package init(reason: String) { self.reason = reason }
    }

    /// A vector or a reason for each text, in their order. Throws `StageError` when the embedder as
    /// a whole does not work.
    package func embed(
        _ texts: [String], noted: @Sendable @escaping (StageError) -> Void = { _ in }
    ) async throws -> [Result<[Float], Refusal>] {
        var results: [Result<[Float], Refusal>] = []
        results.reserveCapacity(texts.count)
        var start = 0
        while start < texts.count {
            var end = start
            var bytes = 0
            while end < texts.count, end - start < textsMax,
                end == start || bytes + texts[end].utf8.count <= bytesMax
            {
                bytes += texts[end].utf8.count
                end += 1
            }
            results += try await request(Array(texts[start..<end]), noted)
            start = end
        }
        return results
    }

    private func request(
        _ texts: [String], _ noted: @Sendable @escaping (StageError) -> Void
    ) async throws -> [Result<[Float], Refusal>] {
        do {
            let vectors = try await retry.run(noted: noted) {
                let vectors = try await embedder.embed(texts)
                try check(vectors, of: texts.count)
                return vectors
            }
            return vectors.map(Self.checked)
        } catch let error as StageError where error.kind == .refused {
            guard texts.count > 1 else { return [.failure(Refusal(reason: error.message))] }
            let middle = texts.count / 2
            return try await request(Array(texts[..<middle]), noted)
                + request(Array(texts[middle...]), noted)
        }
    }

    /// A wrong shape counts as transient: a model that is being replaced looks like that for a while.
    private func check(_ vectors: [[Float]], of count: Int) throws(StageError) {
        let model = embedder.model
        guard vectors.count == count else {
            throw StageError(
                .transient(after: nil), stage: "embed",
                "\(model.id) gave \(vectors.count) vectors for \(count) texts")
        }
        if let wrong = vectors.first(where: { $0.count != model.dimension }) {
            throw StageError(
                .transient(after: nil), stage: "embed",
                "\(model.id) gave a vector of \(wrong.count) numbers, expected \(model.dimension)")
        }
    }

    private static func checked(_ vector: [Float]) -> Result<[Float], Refusal> {
        guard let position = vector.firstIndex(where: { !$0.isFinite }) else {
            return .success(vector)
        }
        return .failure(
            Refusal(reason: "the embedder gave \(vector[position]) at position \(position)"))
    }
}
