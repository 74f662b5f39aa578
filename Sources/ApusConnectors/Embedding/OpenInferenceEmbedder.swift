private import ApusCore
package import ApusPipeline

/// An embedder behind the Open Inference Protocol v2 over REST, as MLServer, KServe, Triton and
/// others have it: a tensor of texts (BYTES) goes in, one of vectors (FP32, or FP64) comes out.
package struct OpenInferenceEmbedder: Embedder {
    package struct Settings: Sendable {
        /// Its address goes up to and without `/v2`, or is `grpc://HOST:PORT`; its version is the server's name of a version
        /// of the model (nil: the one that it chooses).
        package var server: EmbeddingService.Settings
        /// Names of the tensors. Without one of the input it is the usual one, or over gRPC the first
        /// of the model; without one of the output the first one holds.
        package var input: String?
        package var output: String?

        static let usualInput = "text"

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members(
                EmbeddingService.Settings.members + ["input", "output"])
            server = try EmbeddingService.Settings(values, of: declaration)
            input = try values["input"]?.text()
            output = try values["output"]?.text()
        }
    }

    private let settings: Settings
    private let service: EmbeddingService
    private let path: String

    package init(_ settings: Settings) throws(StageError) {
        self.settings = settings
        service = try EmbeddingService(settings.server)
        let version = settings.server.version.map { "/versions/\($0)" } ?? ""
        path = "/v2/models/\(settings.server.model)\(version)/infer"
    }

    package var model: EmbeddingModel { service.model }

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        guard !texts.isEmpty else { return [] }
        let request: JSONValue = .object([
            "inputs": .array([
                .object([
                    "name": .string(settings.input ?? Settings.usualInput), "datatype": "BYTES",
                    "shape": .array([.integer(Int64(texts.count))]),
                    "data": .array(texts.map { .string($0) }),
                ])
            ])
        ])
        let answer = try await service.ask(path, request) { (parser) throws(MalformedJSON) in
            let value = try parser.readValue()
            try parser.readEnd()
            return value
        }
        return try vectors(answer)
    }

    private func vectors(_ value: JSONValue) throws(StageError) -> [[Float]] {
        guard case .object(let answer) = value, case .array(let outputs)? = answer["outputs"] else {
            throw unusable("no outputs")
        }
        let output = outputs.first { output in
            guard let name = settings.output else { return true }
            guard case .object(let members) = output else { return false }
            return members["name"] == .string(name)
        }
        guard case .object(let tensor)? = output, case .array(let shape)? = tensor["shape"],
            case .array(let data)? = tensor["data"]
        else { throw unusable("no output '\(settings.output ?? "")' with shape and data") }
        let numbers = try flattened(data)
        guard case .integer(let rows)? = shape.first, let rows = Int(exactly: rows),
            (1...max(1, numbers.count)).contains(rows), numbers.count.isMultiple(of: rows)
        else { throw unusable("\(numbers.count) numbers in a shape of \(shape)") }
        let width = numbers.count / rows
        return (0..<rows).map { Array(numbers[($0 * width)..<(($0 + 1) * width)]) }
    }

    /// Servers write a tensor's data flat or nested.
    private func flattened(_ data: [JSONValue]) throws(StageError) -> [Float] {
        var numbers: [Float] = []
        for element in data {
            switch element {
            case .double(let value): numbers.append(Float(value))
            case .integer(let value): numbers.append(Float(value))
            case .array(let inner): numbers += try flattened(inner)
            case .null: numbers.append(.nan)
            case .bool, .string, .object: throw unusable("data that are no numbers")
            }
        }
        return numbers
    }

    private func unusable(_ what: String) -> StageError { service.unusable(path, what) }
}
