import Apus
import ApusDocuments
import ApusPipeline
import Foundation
import Testing

@Suite struct RetrievalQualityTests {
    private static let fixtures = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/retrieval").path

    @Test func figuresFollowTheirDefinitions() {
        let questions = [
            RetrievalQuality.Question(text: "a", relevant: ["1"]),
            RetrievalQuality.Question(text: "b", relevant: ["2", "3"]),
            RetrievalQuality.Question(text: "c", relevant: ["9"]),
        ]
        let figures = RetrievalQuality.figures(
            of: [["1", "5"], ["5", "2", "6", "3"], []], questions)
        #expect(abs((figures.recall[1] ?? 0) - 1.0 / 3) < 1e-12)
        #expect(abs((figures.recall[3] ?? 0) - 1.5 / 3) < 1e-12)
        #expect(abs((figures.recall[5] ?? 0) - 2.0 / 3) < 1e-12)
        #expect(abs(figures.reciprocalRank - 1.5 / 3) < 1e-12)
        let (second, fourth) = (1 / log2(Double(3)), 1 / log2(Double(5)))
        let gain = (second + fourth) / (1 + second)
        #expect(abs(figures.gain - (1 + gain) / 3) < 1e-12)
    }

    /// What is shipped finds most answers, and words beside vectors take nothing away.
    @Test func staticVectorsAndWordsFindTheAnswers() async throws {
        let quality = try RetrievalQuality(folder: Self.fixtures)
        #expect(quality.counts.passages >= 200 && quality.counts.questions >= 100)
        let path = NSTemporaryDirectory() + "apus-retrieval-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let database = try Database.open(at: path)
        let embedder = try StaticEmbedder()
        let figures = try await quality.measure(
            embedder, tokenizer: embedder.tokenizer, in: database)
        try database.close()
        let hybrid = try #require(figures[.hybrid])
        let dense = try #require(figures[.dense])
        let lexical = try #require(figures[.lexical])
        #expect(hybrid.gain >= Self.hybridGainMin)
        #expect(dense.gain >= Self.denseGainMin)
        #expect(hybrid.gain > lexical.gain + 0.1)
        #expect(abs(hybrid.gain - dense.gain) < 0.02)
    }

    /// Measured, less what other processors' rounding may change.
    private static let hybridGainMin = 0.82
    private static let denseGainMin = 0.82
}
