import ApusBench
import ArgumentParser
import Foundation

/// `apus bench filters`: what a filter costs with payload indexes and without.
struct BenchFilters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "filters",
        abstract: "Microseconds to find the rows of a filter, with payload indexes and without.",
        discussion: """
            Writes a point for each line of the payload, and counts what matches filters that were \
            never asked before: for each field a value that some line has (numbers and times: at \
            least that; texts: its first two words), and a condition on every field at once. Rows in \
            memory, and in a file. One thread.

            Standard error gets a table, standard output one JSON object a line:

              bench filter indexed sealed matches p50_us p90_us

            Example:
              apus bench filters --payload docs.jsonl.gz \\
                --index year:integer,keyword:keyword,summary:text
            """)

    @Option(help: ArgumentHelp("JSON Lines, plain or gzip.", valueName: "file"))
    var payload: String

    @Option(
        help: ArgumentHelp(
            "Fields and their types: keyword, integer, float, bool, datetime, uuid, text.",
            valueName: "field:type,…"))
    var index: IndexedFieldList

    @Option(help: "Filters of each kind; without indexes a tenth of them.")
    var filters = 200

    func validate() throws {
        try Checked.inRange("--filters", filters, 1...1_000_000)
    }

    func run() async throws { try measure() }

    /// Blocks for as long as it takes: the measured calls run on this very thread.
    private func measure() throws {
        let bench = try FilterBench(payloadAt: payload, fields: index.fields, filterCount: filters)
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("apus-bench-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        StandardError.write(
            line: row(["filter", "indexes", "rows in", "matches", "p50 us", "p90 us"]))
        try bench.run(
            in: directory,
            figure: { figure in
                StandardError.write(
                    line: row([
                        figure.filter, figure.isIndexed ? "yes" : "no",
                        figure.isSealed ? "file" : "memory", number(figure.matchCount, 0),
                        number(figure.p50, 0), number(figure.p90, 0),
                    ]))
                print(
                    "{\"bench\": \"filters\", \"filter\": \"\(figure.filter)\", "
                        + "\"indexed\": \(figure.isIndexed), \"sealed\": \(figure.isSealed), "
                        + "\"matches\": \(number(figure.matchCount, 1)), "
                        + "\"p50_us\": \(number(figure.p50, 1)), "
                        + "\"p90_us\": \(number(figure.p90, 1))}")
                fflush(nil)
            },
            cost: { cost in
                StandardError.write(
                    line: "\(cost.isIndexed ? "with" : "without") indexes: written in "
                        + "\(number(cost.writeSeconds, 2)) s, to a file in "
                        + "\(number(cost.sealSeconds, 2)) s, payload of \(cost.byteCount) bytes")
            })
    }

    private func row(_ cells: [String]) -> String {
        cells.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 }
            .joined(separator: " ")
    }

    private func number(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}
