import ApusCore
import ApusPipeline
import Foundation
import Testing

/// The files of models that people bring, and the vectors that a cache has.
@Suite("Fuzzing models") struct ModelFuzzTests {
    private static let tokens = [
        "{", "}", "[", "]", ":", ",", "\"", "-1", "0", "1e999", "null", "F32", "F16", "BF16", "I64",
        "\"dtype\"", "\"shape\"", "\"data_offsets\"", "__metadata__", "9223372036854775807",
        "4294967296", "[UNK]", "[CLS]", "[SEP]", "##", "\n", "\r\n", "é", "\u{0}", "true", "false",
    ]

    // MARK: Weights

    private static let shapes: [(name: String, type: String, shape: [Int])] = [
        ("a", "F32", [2, 3]), ("b", "F16", [4]), ("c", "BF16", [2, 1, 2]), ("d", "I64", [1]),
        ("e", "F32", [0]),
    ]

    @Test("Tensors of safetensors files") func safetensors() async throws {
        let path = InputPath("weights.safetensors")
        try await fuzz(
            FuzzTarget(
                name: "safetensors", tokens: Self.tokens,
                samples: {
                    [
                        FuzzInput(name: "safetensors~types", bytes: Self.file(of: Self.shapes)),
                        FuzzInput(
                            name: "safetensors~metadata",
                            bytes: Self.file(
                                of: [], metadata: #""__metadata__":{"format":"pt"}"#)),
                    ]
                },
                run: { input in
                    try path.write(input.bytes)
                    return try refusing(with: PipelineError.self) {
                        let file = try SafetensorsFile(path: path.path)
                        for (name, _, shape) in Self.shapes where file.hasTensor(name) {
                            // One that is refused says nothing about the next one.
                            guard let floats = try? file.floats(name, shape: shape) else {
                                continue
                            }
                            try expect(
                                floats.count == shape.reduce(1, *), "\(name) has \(floats.count)")
                        }
                    }
                }))
    }

    /// A file of tensors with small numbers.
    private static func file(
        of tensors: [(name: String, type: String, shape: [Int])], metadata: String? = nil
    ) -> [UInt8] {
        var entries = [metadata].compactMap(\.self)
        var data: [UInt8] = []
        for (name, type, shape) in tensors {
            let count = shape.reduce(1, *)
            let start = data.count
            for number in 0..<count {
                let bits = Float(number % 7 - 3).bitPattern
                switch type {
                case "F32": data += (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
                case "I64": data += [1, 0, 0, 0, 0, 0, 0, 0]
                default: data += [UInt8(truncatingIfNeeded: number), 0x3c]
                }
            }
            entries.append(
                "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),"
                    + "\"data_offsets\":[\(start),\(data.count)]}")
        }
        let header = Array("{\(entries.joined(separator: ","))}".utf8)
        return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
    }

    // MARK: Vocabularies

    private static let vocabulary = """
        [PAD]
        [UNK]
        [CLS]
        [SEP]
        a
        river
        ##s
        long
        ##er
        é
        .
        水
        """

    private static let texts = [
        "A river's longer rivers.", "水é\u{301} [SEP]\u{0}\t\u{200b}", "",
        String(repeating: "river", count: 60),
    ]

    @Test("Vocabularies, and texts in their tokens") func vocabularies() async throws {
        try await fuzz(
            FuzzTarget(
                name: "vocabulary", tokens: Self.tokens,
                samples: {
                    [FuzzInput(name: "vocabulary~0", bytes: Array(Self.vocabulary.utf8))]
                },
                run: { input in
                    try refusing(with: PipelineError.self) {
                        let tokenizer = try WordPieceTokenizer(
                            vocabulary: input.bytes, named: "vocab.txt")
                        // The vocabulary is a text too.
                        for text in Self.texts + [String(decoding: input.bytes, as: UTF8.self)] {
                            let tokens = tokenizer.tokens(of: text, limit: 50)
                            try expect(tokens.count <= 50, "more tokens than wanted")
                            try expect(
                                tokens.allSatisfy { $0 < tokenizer.tokenCount },
                                "a token that is not there")
                        }
                    }
                }))
    }

    // MARK: Whole models

    /// A model of the smallest size, and what its folder has beside the weights.
    private static let model: [(path: String, bytes: [UInt8])] = [
        (
            "config.json",
            Array(
                """
                {"model_type": "bert", "hidden_act": "gelu", "hidden_size": 4, \
                "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 6, \
                "vocab_size": 12, "max_position_embeddings": 8, "type_vocab_size": 2, \
                "layer_norm_eps": 1e-12, "position_embedding_type": "absolute"}
                """.utf8)
        ),
        ("tokenizer_config.json", Array(#"{"do_lower_case": true}"#.utf8)),
        ("sentence_bert_config.json", Array(#"{"max_seq_length": 6}"#.utf8)),
        (
            "1_Pooling/config.json",
            Array(#"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}"#.utf8)
        ),
        ("vocab.txt", Array(vocabulary.utf8)),
        ("model.safetensors", file(of: weights)),
    ]

    private static let weights: [(name: String, type: String, shape: [Int])] = {
        let (width, inner, layer) = (4, 6, "encoder.layer.0")
        var weights: [(String, String, [Int])] = [
            ("embeddings.word_embeddings.weight", "F32", [12, width]),
            ("embeddings.position_embeddings.weight", "F32", [8, width]),
            ("embeddings.token_type_embeddings.weight", "F32", [2, width]),
        ]
        let norms = ["embeddings", "\(layer).attention.output", "\(layer).output"]
        for norm in norms {
            weights.append(("\(norm).LayerNorm.weight", "F32", [width]))
            weights.append(("\(norm).LayerNorm.bias", "F32", [width]))
        }
        let maps: [(String, Int, Int)] =
            ["query", "key", "value"].map { ("\(layer).attention.self.\($0)", width, width) } + [
                ("\(layer).attention.output.dense", width, width),
                ("\(layer).intermediate.dense", inner, width),
                ("\(layer).output.dense", width, inner),
            ]
        for (map, rows, columns) in maps {
            weights.append(("\(map).weight", "F32", [rows, columns]))
            weights.append(("\(map).bias", "F32", [rows]))
        }
        return weights
    }()

    @Test("A model whose folder has one changed file") func models() async throws {
        let folder = FileManager.default.temporaryDirectory
            .appending(path: "apus-fuzz-model-\(ProcessInfo.processInfo.processIdentifier)")
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ path: String, _ bytes: [UInt8]) throws {
            let file = folder.appending(path: path)
            try FileManager.default.createDirectory(
                at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: file)
        }
        for (path, bytes) in Self.model { try write(path, bytes) }
        try await fuzz(
            FuzzTarget(
                // Each starts threads.
                name: "model", share: 0.1, tokens: Self.tokens,
                samples: {
                    Self.model.map {
                        FuzzInput(name: $0.path.replacing("/", with: "__"), bytes: $0.bytes)
                    }
                },
                run: { input in
                    guard let whole = Self.model.first(where: { $0.path == input.path }) else {
                        return .refused
                    }
                    try write(input.path, input.bytes)
                    defer { try? write(whole.path, whole.bytes) }
                    return try refusing(with: PipelineError.self) {
                        let encoder = try SentenceEncoder(folder: folder.path, threadCount: 1)
                        let vectors = encoder.vectors(of: Self.texts)
                        try expect(
                            vectors.count == Self.texts.count
                                && vectors.allSatisfy { $0.count == encoder.model.dimension },
                            "vectors of another shape")
                    }
                }))
    }

    // MARK: Caches

    @Test("Vectors in a cache") func cachedVectors() async throws {
        let model = EmbeddingModel(id: "m", version: "1", dimension: 3, isNormalized: true)
        let cached = CachedVector(of: "a text", model)
        try await fuzz(
            FuzzTarget(
                name: "cached-vector", tokens: ["APV1"],
                samples: {
                    [FuzzInput(name: "cached-vector~0", bytes: cached.value([0, -1, 2.5]) ?? [])]
                },
                run: { input in
                    guard let vector = cached.vector(input.bytes) else { return .refused }
                    try expect(
                        vector.count == 3 && vector.allSatisfy(\.isFinite),
                        "a vector that no model gave")
                    return .accepted
                }))
    }
}
