import ApusPipeline
import Testing

@Suite struct StaticEmbedderTests {
    @Test func vectorsHaveLengthOneAndTellMeaningsApart() async throws {
        let embedder = try StaticEmbedder()
        let vectors = try await embedder.embed([
            "a small cat sleeps on the sofa", "the kitten is napping on a couch",
            "interest rates of central banks",
        ])
        for vector in vectors {
            #expect(vector.count == embedder.model.dimension)
            #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
        }
        let near = EmbeddingFixtures.cosine(vectors[0], vectors[1])
        let far = EmbeddingFixtures.cosine(vectors[0], vectors[2])
        #expect(near > far + 0.2, "\(near) and \(far)")
    }

    @Test func textsWithoutTokensAreZero() async throws {
        let embedder = try StaticEmbedder()
        for vector in try await embedder.embed(["", " \n", "\u{200b}"]) {
            #expect(vector == [Float](repeating: 0, count: embedder.model.dimension))
        }
    }

    @Test func theModelSaysWhatItIs() throws {
        let model = try StaticEmbedder().model
        #expect(model.id == "apus-static")
        #expect(model.version.count == 16)
        #expect(model.isNormalized)
        #expect(model.tokensMax == nil)
    }
}
