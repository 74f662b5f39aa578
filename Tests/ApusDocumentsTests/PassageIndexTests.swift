import Apus
import ApusDocuments
import ApusPipeline
import Foundation
import Testing

@Suite struct PassageIndexTests {
    private final class Folder {
        let path = NSTemporaryDirectory() + "apus-documents-\(UUID().uuidString)"

        init() throws {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        func write(_ name: String, _ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
        }
    }

    private let folder: Folder

    init() throws { folder = try Folder() }

    private func withIndex(
        _ body: (PassageIndex, StaticEmbedder) async throws -> Void
    ) async throws {
        let database = try Database.open(at: "\(folder.path)/data")
        let embedder = try StaticEmbedder()
        try await body(
            try PassageIndex(
                replacing: "passages", in: database, embedder: embedder,
                tokenizer: embedder.tokenizer), embedder)
        try database.close()
    }

    @Test func passagesAreFoundWithTheirPlaces() async throws {
        let guide = "# Tools\n\nHammers drive nails.\n\n# Animals\n\nWhales sing under water.\n"
        try folder.write("guide.md", guide)
        try folder.write("page.html", "<p>Bread rises with yeast.</p><p>Salt slows it.</p>")
        try folder.write("bad.txt", "caf\u{0}")
        try await withIndex { index, embedder in
            var loader = DocumentLoader(
                into: index,
                chunker: Chunker(.structure(tokensMax: 40), tokenizer: embedder.tokenizer))
            let summary = try await loader.load(DocumentFolder(path: folder.path).files)
            #expect(summary.fileCount == 2)
            #expect(summary.warnings.map(\.description.isEmpty) == [false])
            let count = try await index.count()
            #expect(count == summary.passageCount)
            for ranking in PassageIndex.Ranking.allCases {
                let hits = try await index.search("singing whales", limit: 2, ranking: ranking)
                let hit = try #require(hits.first)
                #expect(hit.passage.source == "guide.md")
                #expect(hit.passage.chunk.headings == ["Animals"])
                let place = hit.passage.chunk.source
                #expect(
                    String(decoding: Array(guide.utf8)[place], as: UTF8.self)
                        == hit.passage.chunk.text)
            }
        }
    }

    @Test func namesThatNoVocabularyHasAreFound() async throws {
        try await withIndex { index, _ in
            let names = (0..<200).map { "xq\($0 * 7919 % 9973)zv" }
            try await index.add(
                names.enumerated().map { number, name in
                    let text = "The setting \(name) chooses one of the ways to start."
                    return Passage(
                        source: "\(number)", chunk: Chunk(text: text, source: 0..<text.utf8.count))
                }, firstNumber: 0)
            for (number, name) in names.enumerated().filter({ $0.offset % 20 == 0 }) {
                let hits = try await index.search("What does \(name) do?", limit: 3)
                let sources = hits.map(\.passage.source)
                #expect(sources.contains("\(number)"))
            }
        }
    }

    @Test func questionsWithoutAnyKnownWordAreNoError() async throws {
        try await withIndex { index, _ in
            try await index.add(
                [
                    Passage(source: "a", chunk: Chunk(text: "some words", source: 0..<10)),
                    // Without any token, so without a vector.
                    Passage(source: "b", chunk: Chunk(text: "\u{200b}", source: 10..<13)),
                ], firstNumber: 0)
            for question in ["", "   ", "\u{200b}", "zzzz qqqq xxxx"] {
                for ranking in PassageIndex.Ranking.allCases {
                    _ = try await index.search(question, limit: 3, ranking: ranking)
                }
            }
        }
    }

    @Test func anIndexReplacesItsOwnKindOnly() async throws {
        try await withIndex { index, _ in
            try await index.add(
                [Passage(source: "a", chunk: Chunk(text: "old", source: 0..<3))], firstNumber: 0)
        }
        try await withIndex { index, _ in
            let count = try await index.count()
            #expect(count == 0)
        }
        let database = try Database.open(at: "\(folder.path)/data")
        try database.createCollection("mine", CollectionConfiguration(dimension: 3, metric: .dot))
        let embedder = try StaticEmbedder()
        let error = #expect(throws: DatabaseError.self) {
            _ = try PassageIndex(
                replacing: "mine", in: database, embedder: embedder,
                tokenizer: embedder.tokenizer)
        }
        #expect(error?.kind == .alreadyExists)
        #expect(database.hasCollection("mine"))
        try database.close()
    }
}
