package import ApusPipeline

/// Reads documents, cuts them and puts them into an index, a batch at a time: memory holds one piece
/// of a file and one batch.
package struct DocumentLoader {
    /// What came of it.
    package struct Summary: Hashable, Sendable {
        package var fileCount = 0
        package var passageCount = 0
        package var byteCount = 0
        package var warnings: [DocumentWarning] = []
    }

    private static let batchSize = 256

    private let index: PassageIndex
    private let chunker: Chunker
    private var batch: [Passage] = []
    private var summary = Summary()

    package init(into index: PassageIndex, chunker: Chunker) {
        self.index = index
        self.chunker = chunker
    }

    /// Loads the files one after the other. A file that cannot be read is a warning.
    package mutating func load(_ files: [DocumentFolder.File]) async throws -> Summary {
        for file in files {
            let before = summary.passageCount + batch.count
            do {
                try await load(file)
            } catch let error as UnreadableDocument {
                summary.warnings.append(
                    DocumentWarning(file: file.path, reason: Self.reason(of: error.cause)))
            }
            if summary.passageCount + batch.count > before { summary.fileCount += 1 }
        }
        try await writeBatch()
        return summary
    }

    /// Tells a document's errors from those of the index.
    private struct UnreadableDocument: Error {
        var cause: PipelineError
    }

    private mutating func load(_ file: DocumentFolder.File) async throws {
        var pieces = try Self.reading {
            () throws(PipelineError) in
            try DocumentReader(path: file.path, format: file.format).pieces()
        }
        while let piece = try Self.reading({ () throws(PipelineError) in try pieces.next() }) {
            summary.byteCount += piece.bytes.count
            for chunk in chunker.chunks(of: piece) {
                batch.append(Passage(source: file.name, chunk: chunk))
                if batch.count == Self.batchSize { try await writeBatch() }
            }
        }
        if let warning = pieces.warning { summary.warnings.append(warning) }
    }

    private static func reading<Value>(
        _ body: () throws(PipelineError) -> Value
    ) throws(UnreadableDocument) -> Value {
        do { return try body() } catch { throw UnreadableDocument(cause: error) }
    }

    private mutating func writeBatch() async throws {
        try await index.add(batch, firstNumber: summary.passageCount)
        summary.passageCount += batch.count
        batch.removeAll(keepingCapacity: true)
    }

    private static func reason(of error: PipelineError) -> String {
        switch error {
        case .unreadable(_, let reason): reason
        case .unsupported, .malformed, .mismatch: error.description
        }
    }
}
