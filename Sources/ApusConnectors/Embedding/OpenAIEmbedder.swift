private import ApusCore
package import ApusPipeline
private import Foundation

/// An embedder behind `POST /v1/embeddings`, as OpenAI, vLLM, Infinity, TEI and others have it.
package struct OpenAIEmbedder: Embedder {
    package struct Settings: Sendable {
        /// Its address goes up to and without `/embeddings`: `https://api.openai.com/v1`.
        package var server: EmbeddingService.Settings
        /// Whether vectors come as base64 of little-endian floats, a third of the bytes of numbers.
        package var isBase64 = true
        /// Whether the dimension is asked for, of models that can give several.
        package var asksDimension = false

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members(
                EmbeddingService.Settings.members + ["encoding", "askDimension"])
            server = try EmbeddingService.Settings(values, of: declaration)
            if let encoding = values["encoding"] {
                isBase64 = try encoding.choice(["base64": true, "float": false])
            }
            if let asks = values["askDimension"] { asksDimension = try asks.bool() }
        }
    }

    private let settings: Settings
    private let service: EmbeddingService

    package init(_ settings: Settings) throws(StageError) {
        self.settings = settings
        service = try EmbeddingService(settings.server)
    }

    package var model: EmbeddingModel { service.model }

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        guard !texts.isEmpty else { return [] }
        var request: [String: JSONValue] = [
            "model": .string(model.id), "input": .array(texts.map { .string($0) }),
            "encoding_format": settings.isBase64 ? "base64" : "float",
        ]
        if settings.asksDimension { request["dimensions"] = .integer(Int64(model.dimension)) }
        return try await service.ask("/embeddings", .object(request)) {
            (parser) throws(MalformedJSON) in
            try Self.vectors(&parser, count: texts.count)
        }
    }

    /// The vectors by their `index`, which says the text that each belongs to. What is left out, or
    /// comes twice, makes the count wrong.
    private static func vectors(
        _ parser: inout JSONParser, count: Int
    ) throws(MalformedJSON) -> [[Float]] {
        var byIndex: [Int: [Float]] = [:]
        var surplus = 0
        try parser.beginObject()
        while let key = try parser.nextKey() {
            guard key == "data" else {
                _ = try parser.readValue()
                continue
            }
            try parser.beginArray()
            var number = 0
            while try parser.nextElement() {
                var index = number
                var vector: [Float] = []
                try parser.beginObject()
                while let key = try parser.nextKey() {
                    switch key {
                    case "index": index = Int(clamping: try parser.readUnsigned(UInt64.self))
                    case "embedding": vector = try Self.vector(&parser)
                    default: _ = try parser.readValue()
                    }
                }
                if index >= count || byIndex.updateValue(vector, forKey: index) != nil {
                    surplus += 1
                }
                number += 1
            }
        }
        return (0..<count).compactMap { byIndex[$0] }
            + Array(repeating: [], count: surplus)
    }

    /// Numbers, or a string of base64. What JSON cannot say (NaN) some servers write as null.
    private static func vector(_ parser: inout JSONParser) throws(MalformedJSON) -> [Float] {
        if try parser.peek("a vector") == UInt8(ascii: "\"") {
            let text = try parser.readString()
            guard let data = Data(base64Encoded: text), data.count.isMultiple(of: 4) else {
                throw MalformedJSON(
                    offset: parser.offset, expected: "base64 of 32-bit floats",
                    found: String(text.prefix(20)))
            }
            return LittleEndian.floats([UInt8](data))
        }
        var vector: [Float] = []
        try parser.beginArray()
        while try parser.nextElement() {
            if try parser.peek("a number") == UInt8(ascii: "n") {
                _ = try parser.readValue()
                vector.append(.nan)
            } else {
                vector.append(try parser.readFloat())
            }
        }
        return vector
    }
}
