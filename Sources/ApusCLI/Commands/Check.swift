import Apus
import ArgumentParser

/// `apus check`: whether a database is as it was written.
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Verify every byte of a database and its backups, and what the bytes mean.",
        discussion: """
            Reads every file and changes nothing; no server may have the directory open. Beyond \
            checksums it verifies orders, versions, graphs (every node reachable, links to near \
            vectors), payloads, and that a point lives once. The snapshots in DIR/snapshots.d are \
            verified too: their records, and every file that they name. --snapshots does the same \
            for snapshots that are kept elsewhere, --archive for an archive of the log, with its \
            files and what is missing between them. Faults go to standard output, one a \
            line: file, place, what is wrong. What a crash leaves behind (temporary files, the \
            unacknowledged end of a log, contents of no snapshot) is no fault. `apus repair` mends \
            what can be mended in the database itself; a damaged snapshot can only be deleted.

            Exit code: 0 no fault, 1 faults, 2 not a database, or called wrongly.

            Examples:
              apus check ./data
              apus check ./data --snapshots /backup --archive /backup
            """)

    @Argument(help: "A database's directory.")
    var directory: String

    @Option(
        help: ArgumentHelp(
            "Verify this directory of snapshots too; may be given several times.",
            valueName: "dir"))
    var snapshots: [String] = []

    @Option(
        help: ArgumentHelp(
            "Verify this archive of the log too; may be given several times.", valueName: "dir"))
    var archive: [String] = []

    func run() throws {
        let report = try Failure.telling {
            try Database.check(at: directory, snapshots: snapshots, archives: archive)
        }
        for fault in report.faults { print(fault) }
        for leftover in report.leftovers {
            StandardError.write(line: "apus: left over, not a fault: \(leftover)")
        }
        guard report.faults.isEmpty else {
            throw Failure("\(directory): faults: \(report.faults.count)")
        }
        print(
            "\(directory): no faults (collections: \(report.collections), segments:"
                + " \(report.segments), log files: \(report.logFiles), snapshots:"
                + " \(report.snapshots), archived log files: \(report.archivedLogFiles))")
    }
}
