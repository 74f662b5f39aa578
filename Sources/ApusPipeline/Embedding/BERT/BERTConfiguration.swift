import ApusCore

/// The shape of a sentence encoder of the BERT family, as the files beside its weights tell it.
struct BERTConfiguration: Hashable, Sendable {
    enum Pooling: Hashable, Sendable {
        /// The mean of all tokens' vectors.
        case mean
        /// The vector of the first token.
        case first
    }

    var name: String
    var width: Int
    var layerCount: Int
    var headCount: Int
    var innerWidth: Int
    var vocabularySize: Int
    var positionCount: Int
    var tokenTypeCount: Int
    var normEpsilon: Float
    var pooling: Pooling
    var lowercasing: Bool
    /// Tokens of a sequence, the special ones included.
    var lengthMax: Int

    /// Reads `config.json` of a folder, and `sentence_bert_config.json`, `1_Pooling/config.json` and
    /// `tokenizer_config.json` where they are. Without them: as many tokens as there are positions,
    /// the mean, lowercase.
    init(folder: String) throws(PipelineError) {
        let settings = try ModelSettings(path: "\(folder)/config.json")
        try settings.require("model_type", "bert")
        try settings.require("hidden_act", "gelu")
        try settings.require("position_embedding_type", "absolute", isOptional: true)
        width = try settings.integer("hidden_size", 1...16_384)
        layerCount = try settings.integer("num_hidden_layers", 1...256)
        headCount = try settings.integer("num_attention_heads", 1...1024)
        innerWidth = try settings.integer("intermediate_size", 1...65_536)
        vocabularySize = try settings.integer("vocab_size", 1...TokenTrie.nodesMax)
        let positions = try settings.integer("max_position_embeddings", 2...65_536)
        positionCount = positions
        tokenTypeCount = try settings.integer("type_vocab_size", 1...16)
        normEpsilon = try settings.number("layer_norm_eps", above: 0)
        guard width.isMultiple(of: headCount) else {
            throw settings.wrong(
                "num_attention_heads", expected: "a divisor of hidden_size \(width)",
                found: "\(headCount)")
        }
        name = Self.name(ofFolder: folder)
        pooling = try Self.pooling(folder)
        let tokenizer = try ModelSettings(optional: "\(folder)/tokenizer_config.json")
        lowercasing = tokenizer?.bool("do_lower_case") ?? true
        let sentences = try ModelSettings(optional: "\(folder)/sentence_bert_config.json")
        lengthMax = try sentences?.integer("max_seq_length", 2...positions) ?? positions
    }

    private static func pooling(_ folder: String) throws(PipelineError) -> Pooling {
        guard let settings = try ModelSettings(optional: "\(folder)/1_Pooling/config.json") else {
            return .mean
        }
        let modes = settings.names(withPrefix: "pooling_mode_").filter { settings.bool($0) == true }
        switch modes {
        case ["pooling_mode_mean_tokens"]: return .mean
        case ["pooling_mode_cls_token"]: return .first
        default:
            throw settings.wrong(
                "pooling_mode_…", expected: "either mean_tokens or cls_token",
                found: modes.isEmpty ? "neither" : modes.joined(separator: ", "))
        }
    }

    /// The last part of the folder's path, which is what people call a model.
    private static func name(ofFolder folder: String) -> String {
        folder.split(separator: "/").last.map(String.init) ?? folder
    }
}

/// One of the JSON files that describe a model.
private struct ModelSettings {
    let path: String
    private let values: [String: JSONValue]

    /// Larger files are no settings.
    private static let sizeMax = 1 << 20

    init(path: String) throws(PipelineError) {
        let file = try InputFile(path: path)
        guard file.size <= Self.sizeMax else {
            throw .unsupported(
                file: path, expected: "at most \(Self.sizeMax) bytes", found: "\(file.size)")
        }
        let bytes = try file.read(at: 0, count: file.size)
        do throws(MalformedJSON) {
            guard case .object(let values) = try JSONParser.value(in: bytes) else {
                throw MalformedJSON(offset: 0, expected: "an object", found: "another value")
            }
            self.path = path
            self.values = values
        } catch {
            throw .malformed(
                file: path, .byte(error.offset), expected: error.expected, found: error.found)
        }
    }

    /// Nil where there is no such file.
    init?(optional path: String) throws(PipelineError) {
        guard InputFile.exists(path) else { return nil }
        try self.init(path: path)
    }

    func names(withPrefix prefix: String) -> [String] {
        values.keys.filter { $0.hasPrefix(prefix) }.sorted()
    }

    func bool(_ key: String) -> Bool? {
        guard case .bool(let value)? = values[key] else { return nil }
        return value
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws(PipelineError) -> Int {
        guard case .integer(let value)? = values[key], range.contains(Int(value)) else {
            throw wrong(
                key, expected: "a number of \(range.lowerBound)…\(range.upperBound)",
                found: found(key))
        }
        return Int(value)
    }

    func number(_ key: String, above bound: Float) throws(PipelineError) -> Float {
        let value: Float? =
            switch values[key] {
            case .double(let number): Float(number)
            case .integer(let number): Float(number)
            default: nil
            }
        guard let value, value > bound, value.isFinite else {
            throw wrong(key, expected: "a number above \(bound)", found: found(key))
        }
        return value
    }

    func require(
        _ key: String, _ expected: String, isOptional: Bool = false
    ) throws(PipelineError) {
        if isOptional, values[key] == nil { return }
        guard values[key] == .string(expected) else {
            throw wrong(key, expected: "\"\(expected)\"", found: found(key))
        }
    }

    func wrong(_ key: String, expected: String, found: String) -> PipelineError {
        .unsupported(file: path, expected: "\(key): \(expected)", found: found)
    }

    private func found(_ key: String) -> String {
        switch values[key] {
        case nil: "nothing"
        case .string(let text): "\"\(text)\""
        case .integer(let number): "\(number)"
        case .double(let number): "\(number)"
        default: "another value"
        }
    }
}
