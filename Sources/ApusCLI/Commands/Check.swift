import Apus
import ArgumentParser

/// `apus check`: whether a database is as it was written.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify every byte of a database, and what the bytes mean.",
        discussion: """
            Reads every file and changes nothing; no server may have the directory open. Beyond \
            checksums it verifies orders, versions, graphs (every node reachable, links to near \
            vectors), payloads, and that a point lives once. Faults go to standard output, one a \
            line: file, place, what is wrong. What a crash leaves behind (temporary files, the \
            unacknowledged end of a log) is no fault: the next start removes it. `apus repair` \
            mends what can be mended.

            Exit code: 0 no fault, 1 faults, 2 not a database, or called wrongly.

            Example:
              apus check ./data
            """)

    @Argument(help: "A database's directory.")
    var directory: String

    func run() throws {
        let report = try Failure.telling { try Database.check(at: directory) }
        for fault in report.faults { print(fault) }
        for leftover in report.leftovers {
            StandardError.write(line: "apus: left by a crash, not a fault: \(leftover)")
        }
        guard report.faults.isEmpty else {
            throw Failure("\(directory): faults: \(report.faults.count)")
        }
        print(
            "\(directory): no faults (collections: \(report.collections), segments:"
                + " \(report.segments), log files: \(report.logFiles))")
    }
}
