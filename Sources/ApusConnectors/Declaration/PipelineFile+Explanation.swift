package import ApusPipeline

extension PipelineFile {
    /// What each stage does, in words, in the order of the stages.
    package var explanation: [(stage: String, text: String)] {
        [
            ("source", source.explanation),
            ("map", mapping.explanation),
            ("chunk", chunks?.explanation ?? "a record is one chunk"),
            (
                "embed",
                embedder.explanation + (cache.map { "; " + $0.explanation } ?? "")
            ),
            ("collection", collection.explanation),
            (
                "run",
                "batches of \(options.limit.records) records or \(options.limit.bytes) bytes, "
                    + "\(options.parallel) at a time; \(options.retry.tries) tries; "
                    + (options.follow.map { "goes on for ever, asking every \($0)" }
                        ?? "ends with the source")
            ),
            (
                "dead letters",
                deadLetters
                    + (options.deadLettersMax.map { ", at most \($0)" } ?? ", however many")
            ),
        ]
    }
}

extension RecordMapping {
    fileprivate var explanation: String {
        let source =
            text.map { "the text is \"\($0.source)\"" }
            ?? "the text is the document, or the field text"
        let payload: String =
            switch members {
            case .all: "all fields are payload"
            case .fields(let paths):
                "payload: "
                    + paths.map { "\($0.key) = \($0.value)" }.sorted()
                    .joined(separator: ", ")
            }
        return "\(source); \(payload)" + (filter == nil ? "" : "; records are filtered")
    }
}

extension ChunkRule {
    /// What distinguishes it from other rules, in words.
    package var explanation: String {
        switch self {
        case .words(let size, let overlap):
            "words, up to \(size) tokens, \(overlap) of them repeated"
        case .sentences(let size, let overlap):
            "whole sentences, up to \(size) tokens, \(overlap) of them repeated"
        case .structure(let size): "paragraphs of one section, up to \(size) tokens"
        case .window(let bytes, let overlap):
            "windows of \(bytes) bytes, \(overlap) of them repeated"
        }
    }
}

extension EmbedderDeclaration {
    fileprivate var explanation: String {
        switch kind {
        case .static: "the vectors in the program"
        case .model(let folder): "the model in \(folder)"
        case .openAI(let settings):
            settings.server.explanation(at: "/embeddings")
        case .openInference(let settings):
            settings.server.explanation(
                at: InferenceClient.serves(settings.server.url) ? "" : "/v2")
        case .vector(let field, let dimension, let model):
            "nothing: the field \(field) has vectors of \(dimension) numbers"
                + (model.map { " by \($0)" } ?? "")
        }
    }
}

extension EmbeddingService.Settings {
    fileprivate func explanation(at path: String) -> String {
        "\(model) at \(url)\(path), \(dimension) numbers"
    }
}

extension CollectionDeclaration {
    fileprivate var explanation: String {
        let field = field.isEmpty ? "" : ", vector \(self.field)"
        return switch place {
        case .directory(let path):
            "\(name) of the database in \(path)\(field); positions are written with the points"
        case .server(let url, _):
            "\(name) of \(url)\(field); positions are kept here, after the server's answers"
        }
    }
}
