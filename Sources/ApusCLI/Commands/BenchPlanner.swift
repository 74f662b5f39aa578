import ApusBench
import ApusCore
import ArgumentParser
import Foundation

/// `apus bench planner`: whether the planner chooses what turns out to be best.
struct BenchPlanner: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "planner",
        abstract: "What the planner chooses under random filters, beside every other way.",
        discussion: """
            Asks queries under filters of one to three conditions, or of --conditions, drawn by \
            chance from the values that the payload has, and carries out each by every way that \
            there is. The best is the fastest that finds --recall of the true neighbours. One \
            thread, default settings.

            Standard output gets one JSON object a line for each filter, standard error the sums \
            and what planning took, each filter once, one behind the other:

              bench matches plan us recall best_plan best_us filter_us planning_us ways

            Example:
              apus bench planner --base docs.npy --queries q.npy --metric cosine \
                --payload docs.jsonl.gz --index year:integer,keyword:keyword,summary:text
            """)

    @Option(help: ArgumentHelp("Base vectors (.npy, .fvecs, .bvecs).", valueName: "file"))
    var base: String

    @Option(help: ArgumentHelp("Query vectors.", valueName: "file"))
    var queries: String

    @Option(help: "How vectors are compared.")
    var metric: MetricArgument

    @Option(help: ArgumentHelp("Use only the first rows of the base.", valueName: "rows"))
    var limit: Int?

    @Option(help: ArgumentHelp("JSON Lines, plain or gzip.", valueName: "file"))
    var payload: String

    @Option(
        help: ArgumentHelp(
            "Fields and their types: keyword, integer, float, bool, datetime, uuid, text.",
            valueName: "field:type,…"))
    var index: IndexedFieldList

    @Option(help: "Filters to ask.")
    var filters = 1000

    @Option(help: "Conditions of each filter (default: one to three).")
    var conditions: Int?

    @Option(help: "How often each filter is asked in every way; the median counts.")
    var rounds = 3

    @Option(help: "What a way has to find to be counted.")
    var recall = 0.95

    @Option(help: "Neighbours asked for.")
    var k = 10

    @Option(
        help: ArgumentHelp(
            "Keep the database here, and use it again (default: a folder that is removed).",
            valueName: "directory"))
    var database: String?

    func validate() throws {
        try Checked.inRange("--filters", filters, 1...1_000_000)
        if let conditions { try Checked.inRange("--conditions", conditions, 1...100) }
        try Checked.inRange("--rounds", rounds, 1...1000)
        try Checked.inRange("--k", k, 1...10_000)
        guard recall >= 0, recall <= 1 else {
            throw ValidationError("--recall must be from 0 to 1, and is \(recall)")
        }
    }

    func run() async throws { try measure() }

    /// Blocks for as long as it takes: the measured calls run on this very thread.
    private func measure() throws {
        let dataset = try Dataset(
            base: base, queries: queries, truth: nil, limit: limit, metric: metric.metric, k: k
        ).withPayload(at: payload)
        let bench = try PlannerBench(
            dataset, fields: index.fields, conditionCount: conditions,
            recallMin: recall, k: k)
        let directory =
            database
            ?? FileManager.default.temporaryDirectory
            .appendingPathComponent("apus-planner-\(UUID().uuidString)").path
        defer { if database == nil { try? FileManager.default.removeItem(atPath: directory) } }
        var figures: [PlannerBench.Figure] = []
        try bench.run(in: directory, filterCount: filters, rounds: rounds) { figure in
            print(line(figure))
            figures.append(figure)
        }
        fflush(nil)
        summarize(figures)
    }

    /// By how many rows matched, and over all.
    private func summarize(_ figures: [PlannerBench.Figure]) {
        StandardError.write(
            line: row(["matches", "filters", "recall", "us", "best us", "ratio", "in 1.3", "worst"])
        )
        let bounds = [1, 10, 100, 1000, 10_000, 100_000, Int.max]
        var lower = 0
        for bound in bounds {
            let part = figures.filter { $0.matchCount >= lower && $0.matchCount < bound }
            if !part.isEmpty { summarize(part, name: lower == 0 ? "0" : "\(lower)+") }
            lower = bound
        }
        summarize(figures, name: "all")
        let planning = figures.map(\.planning).sorted()
        guard !planning.isEmpty else { return }
        StandardError.write(
            line: "planning us: median \(number(planning[planning.count / 2], 1)), "
                + "nine of ten \(number(planning[planning.count * 9 / 10], 1))")
    }

    private func summarize(_ figures: [PlannerBench.Figure], name: String) {
        let count = Double(figures.count)
        let chosen = figures.reduce(0) { $0 + $1.chosen }
        let best = figures.reduce(0) { $0 + $1.best }
        let ratios = figures.map { $0.best > 0 ? $0.chosen / $0.best : 1 }
        StandardError.write(
            line: row([
                name, "\(figures.count)",
                number(figures.reduce(0) { $0 + $1.recall } / count, 4), number(chosen / count, 0),
                number(best / count, 0), number(chosen / max(best, 1e-9), 2),
                number(Double(ratios.count { $0 <= 1.3 }) / count, 3), number(ratios.max() ?? 1, 2),
            ]))
    }

    private func line(_ figure: PlannerBench.Figure) -> String {
        let ways = figure.ways.sorted { $0.key < $1.key }.map { name, way in
            "\"\(name)\": {\"us\": \(number(way.microseconds, 1)), "
                + "\"estimated_us\": \(number(way.estimated, 1)), "
                + "\"recall\": \(number(way.recall, 3))}"
        }
        return "{\"bench\": \"planner\", \"matches\": \(figure.matchCount), "
            + "\"plan\": \"\(figure.plans.joined(separator: "; "))\", "
            + "\"us\": \(number(figure.chosen, 1)), \"recall\": \(number(figure.recall, 3)), "
            + "\"best_plan\": \"\(figure.bestPlans.joined(separator: "; "))\", "
            + "\"best_us\": \(number(figure.best, 1)), "
            + "\"filter_us\": \(number(figure.filtering, 1)), "
            + "\"planning_us\": \(number(figure.planning, 2)), "
            + "\"ways\": {\(ways.joined(separator: ", "))}}"
    }

    private func row(_ cells: [String]) -> String {
        cells.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 }
            .joined(separator: " ")
    }

    private func number(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}
