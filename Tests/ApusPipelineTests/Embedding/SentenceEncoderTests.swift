import ApusPipeline
import Foundation
import Testing

@Suite struct SentenceEncoderTests {
    private static let tiny = "\(EmbeddingFixtures.folder)/tiny"

    @Test func smallModelGivesTheReferencesVectors() async throws {
        let encoder = try SentenceEncoder(folder: Self.tiny, threadCount: 2)
        #expect(encoder.model.id == "tiny")
        #expect(encoder.model.dimension == 20)
        #expect(encoder.model.tokensMax == 32)
        let cases = try EmbeddingFixtures.cases("tiny.json")
        let vectors = try await encoder.embed(cases.map(\.text))
        for (each, vector) in zip(cases, vectors) {
            #expect(encoder.tokenizer.sequence(of: each.text, limit: 32) == each.tokens)
            for (found, expected) in zip(vector, each.vector) {
                #expect(abs(found - expected) < 2e-5, "\(each.text)")
            }
        }
    }

    @Test(
        .enabled(
            if: EmbeddingFixtures.modelFolder != nil,
            "all-MiniLM-L6-v2 was not fetched: run make test, or set APUS_TEST_MODEL"))
    func miniLMGivesTheReferencesVectors() async throws {
        let folder = try #require(EmbeddingFixtures.modelFolder)
        let encoder = try SentenceEncoder(folder: folder)
        let cases = try EmbeddingFixtures.cases("minilm.json")
        let vectors = try await encoder.embed(cases.map(\.text))
        for (each, vector) in zip(cases, vectors) {
            let cosine = EmbeddingFixtures.cosine(vector, each.vector)
            #expect(cosine >= 0.9999, "\(cosine) for \(each.text.prefix(40))")
        }
    }

    @Test func neighboursInABatchMakeNoDifference() async throws {
        let encoder = try SentenceEncoder(folder: Self.tiny, threadCount: 3)
        let texts = (0..<300).map { "the log \(String(repeating: "hello ", count: $0 % 40)) \($0)" }
        let together = try await encoder.embed(texts)
        #expect(together.count == texts.count)
        for (text, vector) in zip(texts, together).enumerated().filter({ $0.offset % 29 == 0 })
            .map(\.element)
        {
            let alone = try await encoder.embed([text])
            #expect(EmbeddingFixtures.cosine(alone[0], vector) > 0.999999)
        }
        #expect(try await encoder.embed([]).isEmpty)
    }

    @Test func versionsFollowTheWeights() throws {
        let folder = try TemporaryFolder()
        let copy = try Self.copy(to: folder)
        let first = try SentenceEncoder(folder: copy).model.version
        #expect(try SentenceEncoder(folder: Self.tiny).model.version == first)
        var weights = try Data(contentsOf: URL(filePath: "\(copy)/model.safetensors"))
        weights[weights.count - 4] ^= 1
        try weights.write(to: URL(filePath: "\(copy)/model.safetensors"))
        #expect(try SentenceEncoder(folder: copy).model.version != first)
    }

    @Test(arguments: [
        ("config.json", "\"bert\"", "\"gpt2\"", "model_type"),
        ("config.json", "\"gelu\"", "\"relu\"", "hidden_act"),
        ("config.json", "\"absolute\"", "\"rotary\"", "position_embedding_type"),
        ("config.json", "\"hidden_size\": 20", "\"hidden_size\": 24", "shape"),
        ("config.json", "\"hidden_size\": 20", "\"hidden_size\": -1", "hidden_size"),
        ("config.json", "\"num_attention_heads\": 4", "\"num_attention_heads\": 3", "divisor"),
        ("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "encoder.layer.2"),
        ("config.json", "1e-12", "-1", "layer_norm_eps"),
        ("config.json", "{", "[", "config.json"),
        ("vocab.txt", "[SEP]", "[sep]", "[SEP]"),
        ("vocab.txt", "hello\n", "hello\nmore\n", "98 tokens"),
        ("sentence_bert_config.json", "32", "1000", "max_seq_length"),
        ("1_Pooling/config.json", "mean_tokens", "max_tokens", "pooling_mode"),
    ])
    func wrongFilesAreRefusedByName(file: String, from: String, to: String, hint: String) throws {
        let folder = try TemporaryFolder()
        let copy = try Self.copy(to: folder)
        let url = URL(filePath: "\(copy)/\(file)")
        let text = try String(contentsOf: url, encoding: .utf8)
        let changed = text.replacing(from, with: to)
        #expect(changed != text)
        try changed.write(to: url, atomically: true, encoding: .utf8)
        let error = #expect(throws: PipelineError.self) { _ = try SentenceEncoder(folder: copy) }
        #expect(error?.description.contains(hint) == true, "\(error?.description ?? "")")
    }

    @Test(arguments: ["config.json", "vocab.txt", "model.safetensors"])
    func missingFilesAreNamed(file: String) throws {
        let folder = try TemporaryFolder()
        let copy = try Self.copy(to: folder)
        try FileManager.default.removeItem(atPath: "\(copy)/\(file)")
        let error = #expect(throws: PipelineError.self) { _ = try SentenceEncoder(folder: copy) }
        #expect(error?.description.contains(file) == true)
    }

    @Test func weightsThatAreNoNumbersAreRefused() throws {
        let folder = try TemporaryFolder()
        let copy = try Self.copy(to: folder)
        let url = URL(filePath: "\(copy)/model.safetensors")
        var weights = try Data(contentsOf: url)
        for byte in 1...4 { weights[weights.count - byte] = 0xff }
        try weights.write(to: url)
        let error = #expect(throws: PipelineError.self) { _ = try SentenceEncoder(folder: copy) }
        #expect(error?.description.contains("finite") == true)
    }

    private static func copy(to folder: TemporaryFolder) throws -> String {
        let copy = folder.file("tiny")
        try FileManager.default.copyItem(atPath: tiny, toPath: copy)
        return copy
    }
}
