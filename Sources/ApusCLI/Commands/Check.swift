import ApusStorage
import ArgumentParser

/// `apus check`: whether a database is as it was written.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify every checksum and cross-reference of a database.",
        discussion: """
            Reads every byte and changes nothing; no server may have the directory open. Faults go \
            to standard output, one a line. What a crash leaves behind (temporary files, the \
            unacknowledged end of a log) is no fault: the next start removes it.

            Exit code: 0 no fault, 1 faults, 2 not a database, or called wrongly.

            Example:
              apus check ./data
            """)

    @Argument(help: "A database's directory.")
    var directory: String

    func run() throws {
        let check = try DatabaseCheck(directory: directory)
        for fault in check.faults { print(fault) }
        guard check.faults.isEmpty else {
            throw Failure("\(directory): faults: \(check.faults.count)")
        }
        print(
            "\(directory): no faults (collections: \(check.collections), segments:"
                + " \(check.segments), log files: \(check.logFiles))")
    }
}
