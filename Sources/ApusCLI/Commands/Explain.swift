import Apus
import ApusCore
import ApusWire
import ArgumentParser
import Foundation

/// `apus explain`: why a query does what it does.
struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what a query knows, chooses and does, segment by segment.",
        discussion: """
            Reads a query from standard input, as `POST /collections/{name}/points/query` takes it, \
            and runs it on a database that no server has open. While a server runs, ask it instead:

              curl -X POST http://localhost:6333/apus/v1/collections/docs/explain -d '{"query": 7}'

            Costs are in distances of a scan of codes, or of vectors where there are no codes.

            Examples:
              echo '{"query": 7, "limit": 3}' | apus explain ./data docs
              apus explain ./data docs --json < query.json
            """)

    @Argument(help: "A database's directory.")
    var directory: String

    @Argument(help: "A collection or an alias of one.")
    var collection: String

    @Flag(help: "Carry out what was not chosen too, to compare.")
    var compare = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        do { try explain() } catch let error as DatabaseError { throw error.plain }
    }

    private func explain() throws {
        guard FileManager.default.fileExists(atPath: "\(directory)/APUS") else {
            throw Failure("\(directory): not a database", exitCode: 2)
        }
        let body = [UInt8](FileHandle.standardInput.readDataToEndOfFile())
        let request = try RequestDecoder.query(body)
        let database = try Database.open(at: directory)
        defer { try? database.close() }
        let answer = try database.collection(collection).explain(request, comparing: compare)
        guard let explanation = answer.explanation else { return }
        if json {
            var writer = JSONWriter()
            writer.write(explanation)
            print(String(decoding: writer.bytes, as: UTF8.self))
        } else {
            print(Self.lines(explanation, found: answer.points.count).joined(separator: "\n"))
        }
    }

    private static func lines(_ explanation: QueryExplanation, found: Int) -> [String] {
        var lines = ["\(found) points in \(milliseconds(explanation.duration))"]
        for search in explanation.searches {
            let field = search.field.isEmpty ? "" : " of `\(search.field)`"
            lines.append(
                "segment \(search.segment)\(field): \(search.rowCount) rows, "
                    + "\(search.indexedCount) in the index")
            if let filter = search.filter {
                let source =
                    switch filter.source {
                    case .remembered: "remembered"
                    case .evaluated(let rowsRead): "\(rowsRead) rows read"
                    case .askedOfAnswers(let rowsRead): "asked of \(rowsRead) answers"
                    }
                let estimate = filter.estimate.map {
                    ", estimated \($0.min) ≤ \(Int($0.expected.rounded())) ≤ \($0.max)"
                }
                lines.append(
                    "  filter: \(filter.matchCount) rows match\(estimate ?? ""), \(source), "
                        + milliseconds(filter.duration))
            }
            let recall = search.recallExpected.map { ", recall " + fixed($0, 4) } ?? ""
            lines.append("  \(text(search.chosen))\(recall)")
            lines.append(
                "    \(search.measuredCount) distances, \(search.rescoredCount) rescored, "
                    + "\(search.foundCount) found, \(milliseconds(search.duration))")
            for other in search.others {
                lines.append("  not \(text(other))")
            }
        }
        return lines
    }

    private static func text(_ option: SearchExplanation.Option) -> String {
        let text = "\(option.plan): cost \(fixed(option.cost, 0)) µs"
        guard let outcome = option.outcome else { return text }
        return text + ", \(outcome.measuredCount) distances, recall \(fixed(outcome.recall, 2)), "
            + milliseconds(outcome.duration)
    }

    private static func milliseconds(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        return fixed(Double(seconds) * 1e3 + Double(attoseconds) / 1e15, 3) + " ms"
    }

    private static func fixed(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}
