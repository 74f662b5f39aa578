private import ApusCore
package import ApusPipeline

/// An embedder behind the Open Inference Protocol v2 over REST, as MLServer, KServe, Triton and
/// others have it: a tensor of texts (BYTES) goes in, one of vectors (FP32, or FP64) comes out.
package struct OpenInferenceEmbedder: Embedder {
    package struct Settings: Sendable {
        /// Up to and without `/v2`.
        package var url: String
        package var model: String
        /// The server's name of a version of the model; nil: the one that it chooses.
        package var version: String?
        package var dimension: Int
        /// Names of the tensors; without a name of the output the first one holds.
        package var input: String
        package var output: String?
        package var key: Reference?
        package var timeout: Duration

        package init(
            url: String, model: String, dimension: Int, version: String? = nil,
            input: String = "text", output: String? = nil, key: Reference? = nil,
            timeout: Duration = .seconds(60)
        ) {
            self.url = url
            self.model = model
            self.version = version
            self.dimension = dimension
            self.input = input
            self.output = output
            self.key = key
            self.timeout = timeout
        }

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "url", "model", "version", "dimension", "input", "output", "key", "timeout",
            ])
            self.init(
                url: try values.required("url", of: declaration).text(),
                model: try values.required("model", of: declaration).text(),
                dimension: try values.required("dimension", of: declaration).integer(1...65_536))
            version = try values["version"]?.text()
            input = try values["input"]?.text() ?? input
            output = try values["output"]?.text()
            if let key = values["key"] { self.key = try Reference(secret: key) }
            if let timeout = values["timeout"] { self.timeout = try timeout.duration() }
        }
    }

    package let model: EmbeddingModel
    private let settings: Settings
    private let service: HTTPService

    package init(_ settings: Settings) throws(StageError) {
        self.settings = settings
        model = EmbeddingModel(
            id: settings.model, version: settings.version ?? "", dimension: settings.dimension,
            isNormalized: false)
        var service = HTTPService(stage: "embed", base: settings.url)
        service.timeout = settings.timeout
        if let key = settings.key {
            service.headers.append(("authorization", "Bearer \(try key.value())"))
        }
        self.service = service
    }

    package func embed(_ texts: [String]) async throws -> [[Float]] {
        guard !texts.isEmpty else { return [] }
        let version = settings.version.map { "/versions/\($0)" } ?? ""
        let request: JSONValue = .object([
            "inputs": .array([
                .object([
                    "name": .string(settings.input), "datatype": "BYTES",
                    "shape": .array([.integer(Int64(texts.count))]),
                    "data": .array(texts.map { .string($0) }),
                ])
            ])
        ])
        let path = "/v2/models/\(settings.model)\(version)/infer"
        let answer = try await service.call(.post, path, body: JSONText.bytes(of: request))
        let value: JSONValue
        do throws(MalformedJSON) { value = try JSONParser.value(in: answer.body) } catch {
            throw unusable("no JSON: at byte \(error.offset) expected \(error.expected)")
        }
        return try vectors(value)
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
        guard case .integer(let rows)? = shape.first, let rows = Int(exactly: rows), rows > 0,
            numbers.count.isMultiple(of: rows)
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

    private func unusable(_ what: String) -> StageError {
        StageError(
            .transient(after: nil), stage: "embed",
            "\(settings.url)/v2/models/\(settings.model) gave an answer with \(what)")
    }
}
