private import ApusCore
private import ApusKernels
private import Foundation

/// A sentence encoder of the BERT family, such as all-MiniLM-L6-v2, in this process.
///
/// The model is a folder as sentence-transformers lays it out: `config.json`, `vocab.txt` and
/// `model.safetensors`, and the files that say how to pool. Vectors have length 1.
package final class SentenceEncoder: Embedder {
    package let model: EmbeddingModel
    package let tokenizer: WordPieceTokenizer
    private let worker: SentenceWorker

    /// Loads a model. `threadCount` nil: a thread for each core.
    package init(folder: String, threadCount: Int? = nil) throws(PipelineError) {
        let configuration = try BERTConfiguration(folder: folder)
        let vocabulary = try InputFile(path: "\(folder)/vocab.txt")
        guard vocabulary.size <= Self.vocabularySizeMax else {
            throw .unsupported(
                file: vocabulary.path, expected: "at most \(Self.vocabularySizeMax) bytes",
                found: "\(vocabulary.size)")
        }
        tokenizer = try WordPieceTokenizer(
            vocabulary: vocabulary.read(at: 0, count: vocabulary.size), named: vocabulary.path,
            lowercasing: configuration.lowercasing)
        guard tokenizer.tokenCount <= configuration.vocabularySize else {
            throw .mismatch(
                "\(vocabulary.path) has \(tokenizer.tokenCount) tokens, and the model "
                    + "\(configuration.vocabularySize)")
        }
        let weights = try SafetensorsFile(path: "\(folder)/model.safetensors")
        model = EmbeddingModel(
            id: configuration.name, version: try Self.version(of: weights.file),
            dimension: configuration.width, isNormalized: true,
            tokensMax: configuration.lengthMax)
        worker = SentenceWorker(
            tokenizer: tokenizer, encoder: try BERTEncoder(configuration, weights),
            lengthMax: configuration.lengthMax,
            pool: WorkerPool(
                name: "embed",
                threadCount: threadCount ?? ProcessInfo.processInfo.activeProcessorCount))
    }

    deinit { worker.pool.shutdown() }

    private static let vocabularySizeMax = 64 << 20

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        // Without `self`: the pool cannot end on a thread of its own.
        await withCheckedContinuation { [worker] continuation in
            worker.pool.submit { continuation.resume(returning: worker.vectors(of: texts)) }
        }
    }

    /// The same, on the pool's threads and the caller's, which waits.
    package func vectors(of texts: [String]) -> [[Float]] { worker.vectors(of: texts) }

    /// What names the weights: the start of the SHA-256 of their file.
    private static func version(of file: InputFile) throws(PipelineError) -> String {
        var hash = SHA256()
        let piece = 1 << 20
        for offset in stride(from: 0, to: file.size, by: piece) {
            hash.update(try file.read(at: offset, count: piece))
        }
        return String(hash.digest().description.prefix(16))
    }
}

/// What runs on the threads of a sentence encoder.
private struct SentenceWorker: Sendable {
    let tokenizer: WordPieceTokenizer
    let encoder: BERTEncoder
    let lengthMax: Int
    let pool: WorkerPool

    /// Tokens that go through the layers together: enough for the products to run at full speed,
    /// and little enough for their results to stay in the cache.
    private static let batchTokenCount = 512

    func vectors(of texts: [String]) -> [[Float]] {
        let sequences = pool.map(iterations: texts.count) { index in
            tokenizer.sequence(of: texts[index], limit: lengthMax)
        }
        let batches = batches(of: sequences)
        let results = pool.map(iterations: batches.count) { number in
            encoder.vectors(of: batches[number].map { sequences[$0] })
                .map(DistanceKernel.normalized)
        }
        var vectors = [[Float]](repeating: [], count: texts.count)
        for (batch, result) in zip(batches, results) {
            for (index, vector) in zip(batch, result) { vectors[index] = vector }
        }
        return vectors
    }

    /// Places of sequences, longest first, so that no thread is left alone with a long batch at the
    /// end, and as many to a batch as have `batchTokenCount` tokens.
    private func batches(of sequences: [[UInt32]]) -> [[Int]] {
        let order = sequences.indices.sorted { sequences[$0].count > sequences[$1].count }
        let total = sequences.reduce(0) { $0 + $1.count }
        let share = (total + pool.threadCount - 1) / pool.threadCount
        let batchMax = min(Self.batchTokenCount, max(1, share))
        var batches: [[Int]] = []
        var tokenCount = batchMax
        for index in order {
            if tokenCount + sequences[index].count > batchMax {
                batches.append([])
                tokenCount = 0
            }
            batches[batches.count - 1].append(index)
            tokenCount += sequences[index].count
        }
        return batches
    }
}
