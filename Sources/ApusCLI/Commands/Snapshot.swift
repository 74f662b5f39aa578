import Apus
import ArgumentParser
import Foundation

/// `apus snapshot`: keeps a database as it is.
struct Snapshot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a snapshot of a database that no server has open.",
        discussion: """
            The snapshot is kept in the directory of snapshots, where files that an earlier one has \
            are not stored again; --output writes it as one checksummed file too. While a server \
            runs, ask it instead:

              curl -X POST http://localhost:6333/collections/docs/snapshots

            Examples:
              apus snapshot ./data
              apus snapshot ./data --collection docs --output docs.snapshot
            """)

    @Argument(help: "A database's directory.")
    var directory: String

    @Option(help: "Only this collection (default: all, and the aliases).")
    var collection: String?

    @Option(help: ArgumentHelp("Write the snapshot as one file.", valueName: "file"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            "Where snapshots are kept (default: snapshots.d in the database's directory).",
            valueName: "dir"))
    var snapshots: String?

    func run() async throws {
        do { try await takeOne() } catch let error as DatabaseError { throw error.plain }
    }

    private func takeOne() async throws {
        guard FileManager.default.fileExists(atPath: "\(directory)/APUS") else {
            throw Failure("\(directory): not a database", exitCode: 2)
        }
        var configuration = EngineConfiguration()
        configuration.snapshotDirectory = snapshots
        let database = try Database.open(at: directory, configuration: configuration)
        do {
            try await take(database)
        } catch {
            try? database.close()
            throw error
        }
        try database.close()
    }

    private func take(_ database: Database) async throws {
        let description =
            if let collection {
                try await database.collection(collection).createSnapshot()
            } else {
                try await database.createSnapshot()
            }
        if let output {
            try await database.performSnapshotWork { [collection] in
                try database.writeArchive(description.name, of: collection, to: output)
            }
        }
        print(
            "\(description.name) bytes=\(description.byteCount) sha256=\(description.checksum)")
        for (name, lsn) in description.sequenceNumbers.sorted(by: { $0.key < $1.key }) {
            print("  \(name) lsn=\(lsn)")
        }
    }
}
