private import Foundation

/// How far an ingest run got: kept in a small file beside nothing of value, so that a run that
/// was cut off goes on where it stopped.
///
/// The rows that it counts were acknowledged, so they are durable; rows beyond it may be in the
/// collection as well, and writing them again changes nothing. It belongs to one source, as it
/// was, and one collection: a run over anything else starts from the first row.
package struct Checkpoint: Hashable, Sendable, Codable {
    /// A file and the state it was in.
    package struct Source: Hashable, Sendable, Codable {
        package var path: String
        package var size: Int
        /// Nanoseconds since 1970.
        package var modified: Int64

        package init(_ file: InputFile) {
            path = URL(fileURLWithPath: file.path).standardizedFileURL.path
            size = file.size
            modified = file.modified
        }
    }

    /// What is loaded where.
    package struct Job: Hashable, Sendable, Codable {
        /// The database's directory or the server's address.
        package var target: String
        package var collection: String
        package var vectors: Source
        package var payload: Source?
        package var firstID: UInt64
        /// The columns of ids and vectors, where the source has columns.
        package var columns: [String]?

        package init(
            target: String, collection: String, vectors: Source, payload: Source? = nil,
            firstID: UInt64 = 0, columns: [String]? = nil
        ) {
            self.target = target
            self.collection = collection
            self.vectors = vectors
            self.payload = payload
            self.firstID = firstID
            self.columns = columns
        }
    }

    /// The layout of the file; another number is another program's.
    private var version = 1
    package var job: Job
    /// Rows from the start of the source that are acknowledged without a gap.
    package var rows: Int

    package init(job: Job, rows: Int) {
        self.job = job
        self.rows = rows
    }
}

/// The file that a checkpoint is kept in.
package struct CheckpointFile: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// Where the checkpoint of `job` is kept when nobody says otherwise: in the user's state
    /// folder, under a name that follows from target, collection and source. Sources may lie on
    /// read-only disks, and a database's directory holds nothing but the database.
    package init(for job: Checkpoint.Job, environment: [String: String]) {
        let home = environment["HOME"] ?? "/var/tmp"
        let state = environment["XDG_STATE_HOME"] ?? "\(home)/.local/state"
        let key = [job.target, job.collection, job.vectors.path].joined(separator: "\0")
        path = "\(state)/apus/ingest/\(String(Self.hash(key), radix: 16)).json"
    }

    /// The rows that `job` may pass over: 0 unless the file is there, can be read, and speaks of
    /// the very same job.
    package func acknowledgedRows(of job: Checkpoint.Job) -> Int {
        guard let data = FileManager.default.contents(atPath: path),
            let checkpoint = try? JSONDecoder().decode(Checkpoint.self, from: data),
            checkpoint == Checkpoint(job: job, rows: checkpoint.rows), checkpoint.rows > 0
        else { return 0 }
        return checkpoint.rows
    }

    /// Replaces the file as a whole.
    package func save(_ checkpoint: Checkpoint) throws(PipelineError) {
        do {
            let url = URL(fileURLWithPath: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try encoder.encode(checkpoint).write(to: url, options: .atomic)
        } catch {
            throw .unreadable(file: path, reason: "cannot write the checkpoint: \(error)")
        }
    }

    /// Removes the file, when there is one.
    package func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }

    /// FNV-1a, 64 bits: the same on every run, which Swift's own hashes are not.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
