import ApusBench
import ApusPipeline
import ApusText
import ArgumentParser
import Foundation

/// `apus bench sparse`: what skipping saves a search over inverted lists.
struct BenchSparse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sparse",
        abstract: "Entries and microseconds of exact searches over sparse vectors.",
        discussion: """
            Makes inverted lists in memory and asks every query with each k and filter in turns: \
            adding up every entry of its lists, and skipping what cannot be among the best. Both \
            give the same answers, or the program ends with an error. One thread; the fastest pass \
            of each query counts.

            Standard error gets a table, standard output one JSON object a line:

              bench k filter_share plan entries mean_us p50_us p95_us p99_us

            Examples:
              apus bench sparse --texts docs.jsonl.gz --queries questions.jsonl.gz --field summary
              apus bench sparse --synthetic 100000
            """)

    @Option(help: ArgumentHelp("Texts to search in by BM25: JSON Lines.", valueName: "file"))
    var texts: String?

    @Option(help: ArgumentHelp("Texts to search for.", valueName: "file"))
    var queries: String?

    @Option(help: "The member of a line that is the text.")
    var field = "text"

    @Option(
        help: ArgumentHelp(
            "So many made-up vectors instead, as encoders make them that expand texts.",
            valueName: "rows"))
    var synthetic: Int?

    @Flag(help: "The rows of --synthetic come topic by topic.")
    var sorted = false

    @Option(help: ArgumentHelp("Answers asked for.", valueName: "list"))
    var k = NumberList([10, 100])

    @Option(
        help: ArgumentHelp("Search among one row in so many, drawn by chance.", valueName: "list"))
    var filterShare = NumberList([1])

    @Option(help: "Passes over the queries.")
    var passes = 3

    func validate() throws {
        guard synthetic != nil || texts != nil && queries != nil else {
            throw ValidationError("give --texts and --queries, or --synthetic")
        }
        if let synthetic { try Checked.inRange("--synthetic", synthetic, 1...10_000_000) }
        for k in k.numbers { try Checked.inRange("--k", k, 1...1_000_000) }
        for share in filterShare.numbers {
            try Checked.inRange("--filter-share", share, 1...1_000_000)
        }
        try Checked.inRange("--passes", passes, 1...1000)
    }

    func run() async throws { try measure() }

    /// Blocks for as long as it takes: the measured calls run on this very thread.
    private func measure() throws {
        let bench = try bench()
        StandardError.write(line: "\(bench.postingCount) entries")
        StandardError.write(
            line: row(["k", "1 row in", "plan", "entries", "mean us", "p50", "p99"]))
        for share in filterShare.numbers {
            for k in k.numbers {
                for figure in try bench.run(k: k, filterShare: share, passes: passes) {
                    write(figure)
                }
            }
        }
    }

    private func bench() throws -> SparseBench {
        if let synthetic {
            return SparseBench(
                SparseVectors(synthetic: synthetic, queryCount: 500, isSorted: sorted),
                weighsByFrequency: false)
        }
        guard let texts, let queries else {
            throw ValidationError("give --texts and --queries, or --synthetic")
        }
        return SparseBench(
            SparseVectors(
                base: try self.texts(at: texts).map(BM25().document),
                queries: try self.texts(at: queries).map(BM25().query)), weighsByFrequency: true)
    }

    private func texts(at path: String) throws -> [String] {
        let lines = try LineReader(path: path)
        var texts: [String] = []
        while let line = try lines.next() {
            guard case .string(let text)? = try lines.payload(line)[field] else {
                throw ValidationError("\(path), line \(texts.count + 1): no text `\(field)`")
            }
            texts.append(text)
        }
        guard !texts.isEmpty else { throw ValidationError("\(path) has no lines") }
        return texts
    }

    private func write(_ figure: SparseBench.Figure) {
        let plan = figure.isPruned ? "pruned" : "exhaustive"
        StandardError.write(
            line: row([
                "\(figure.k)", "\(figure.filterShare)", plan, number(figure.entriesRead),
                number(figure.mean), number(figure.p50), number(figure.p99),
            ]))
        print(
            "{\"bench\": \"sparse\", \"k\": \(figure.k), \"filter_share\": \(figure.filterShare), "
                + "\"plan\": \"\(plan)\", \"entries\": \(number(figure.entriesRead)), "
                + "\"mean_us\": \(number(figure.mean)), \"p50_us\": \(number(figure.p50)), "
                + "\"p95_us\": \(number(figure.p95)), \"p99_us\": \(number(figure.p99))}")
        fflush(nil)
    }

    private func row(_ cells: [String]) -> String {
        cells.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 }
            .joined(separator: " ")
    }

    private func number(_ value: Double) -> String { String(format: "%.1f", value) }
}
