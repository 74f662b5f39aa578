import Apus
import ArgumentParser

/// `apus repair`: makes a damaged database whole again.
struct Repair: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a damaged database whole again, as far as its files allow.",
        discussion: """
            No server may have the directory open. What is derived (graphs, orders) is made again \
            from vectors and payloads; of a segment that is damaged elsewhere the readable points \
            are saved. Nothing is deleted: damaged files lie in `quarantine` in the collection's \
            directory afterwards, with a report in JSON. The report also goes to standard output: \
            every fault, what was done, and which points are gone.

            A log that is damaged in the middle is left alone, and its collection closed, unless \
            --truncate-log is given: what lies behind the damage was acknowledged.

            Exit code: 0 nothing is left to be done, 1 something is, 2 not a database, or called \
            wrongly.

            Example:
              apus repair --dry-run ./data
            """)

    @Argument(help: "A database's directory.")
    var directory: String

    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false

    @Flag(help: "Cut a damaged log; the batches behind the damage are gone from it.")
    var truncateLog = false

    func run() throws {
        var options = RepairOptions()
        options.isDryRun = dryRun
        options.truncatesLog = truncateLog
        let report = try Failure.telling { try Database.repair(at: directory, options: options) }
        for line in report.lines { print(line) }
        guard report.isComplete else {
            throw Failure("\(directory): something is left to be decided")
        }
        guard report.hasFaults else { return print("\(directory): nothing to repair") }
        print("\(directory): points lost: \(report.lostPointCount)")
    }
}
