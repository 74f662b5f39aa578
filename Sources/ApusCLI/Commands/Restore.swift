import Apus
import ApusCore
import ArgumentParser

/// `apus restore`: a new database from snapshots and the archive of the log.
struct Restore: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a new database from a snapshot, up to any batch or time.",
        discussion: """
            FROM is a snapshot as a file, or a directory of snapshots (snapshots.d in a database's \
            directory, or what `apus serve --snapshots` named). With an archive of the log (`apus serve --archive`) \
            the restore goes on from the newest snapshot at or before the target: --to-lsn N ends \
            with batch N of the collection, --to-time T with the last batch written at T or \
            before (collections made later are left out, and named); with neither, it goes as far as \
            the archive does. Every byte is checked before \
            DIR appears, and FROM is only read.

            Examples:
              apus restore --from docs.snapshot --to ./new
              apus restore --from /backup --to ./new --to-time 2026-01-31T12:00:00Z
              apus restore --from ./data/snapshots.d --archive /backup --to ./new \\
                --collection docs --to-lsn 4711
            """)

    @Option(help: ArgumentHelp("A snapshot's file, or a directory of them.", valueName: "from"))
    var from: String

    @Option(help: ArgumentHelp("The new database's directory; must not exist.", valueName: "dir"))
    var to: String

    @Option(help: "Only this collection; may be given several times (default: all).")
    var collection: [String] = []

    @Option(help: "The name of a snapshot in FROM (default: the newest that fits).")
    var snapshot: String?

    @Option(
        help: ArgumentHelp(
            "Where log files were archived (default: FROM, if it is a directory).",
            valueName: "dir"))
    var archive: String?

    @Option(help: ArgumentHelp("The last batch to have.", valueName: "lsn"))
    var toLsn: UInt64?

    @Option(help: ArgumentHelp("The time to go to, as 2026-01-31T12:00:00Z.", valueName: "time"))
    var toTime: String?

    @Flag(help: "What the snapshot has, without the archived log.")
    var snapshotOnly = false

    func validate() throws {
        guard [toLsn != nil, toTime != nil, snapshotOnly].filter({ $0 }).count <= 1 else {
            throw ValidationError("Give one of --to-lsn, --to-time and --snapshot-only")
        }
        if toLsn != nil, Set(collection).count != 1 {
            throw ValidationError("--to-lsn needs one --collection: each has its own numbers")
        }
        if let toTime, Timestamp(rfc3339: toTime) == nil {
            throw ValidationError("--to-time must be like 2026-01-31T12:00:00Z, and is '\(toTime)'")
        }
        if let toLsn { try Checked.inRange("--to-lsn", Int(clamping: toLsn), 0...1 << 61) }
    }

    func run() throws {
        var restore = DatabaseRestore(source: from)
        restore.archiveDirectory = archive
        restore.collections = collection.isEmpty ? nil : collection
        restore.snapshot = snapshot
        if let toLsn { restore.target = .sequenceNumber(SequenceNumber(toLsn)) }
        if let time = toTime.flatMap({ Timestamp(rfc3339: $0) }) { restore.target = .time(time) }
        if snapshotOnly { restore.target = .snapshot }
        let report = try restore.run(into: to)
        for outcome in report.collections {
            let time = outcome.time.map { " time=\($0)" } ?? ""
            print("\(outcome.collection) lsn=\(outcome.sequenceNumber)\(time)")
        }
        for collection in report.leftOut {
            print(
                "\(collection.collection) left out: made at \(collection.createdAt), after the "
                    + "target")
        }
    }
}
