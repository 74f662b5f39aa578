import ApusConnectors
import ApusCore
import ApusPipeline
import ApusStorage

/// The changes of a collection as files of a folder: each is written under another name, synced, and
/// then gets the name that says what it has. So the newest file says how far the folder is, and a process
/// that is killed leaves nothing that its successor would take for a file.
actor ChangeFolder: ChangeSink {
    struct Settings: Sendable {
        var path: String
        var isParquet: Bool
        var withVectors: Bool
        /// A file ends at the end of the version with which it has so many bytes.
        var bytesMax = 128 << 20
        /// A file ends so long after its first change, when a version has ended.
        var timeMax = Duration.seconds(60)
    }

    private let settings: Settings
    private let fields: @Sendable () async throws -> [VectorField]
    private let fileSystem = PosixFileSystem()
    private let lock: any FileLock
    private var generation = 0
    /// The history, and the last version that was taken as a whole.
    private var written: ChangePosition?
    private var file: ChangeFile?
    private var openedAt = ContinuousClock.now
    private var isMidVersion = false
    /// Parts of the snapshot that is being written; nil: none is.
    private var snapshotParts: Int?

    private static let temporaryName = ".changes.tmp"

    /// Takes the folder, which is made if its parent is there. `fields` are those of the collection.
    init(
        _ settings: Settings, fields: @escaping @Sendable () async throws -> [VectorField]
    ) throws {
        self.settings = settings
        self.fields = fields
        if try fileSystem.kind(of: settings.path) == nil {
            try fileSystem.makeDirectory(settings.path)
        }
        lock = try fileSystem.lock("\(settings.path)/.lock", note: "apus changes")
        if try fileSystem.kind(of: temporary) != nil { try fileSystem.remove(temporary) }
    }

    private nonisolated var temporary: String { "\(settings.path)/\(Self.temporaryName)" }
    private nonisolated var ending: String { settings.isParquet ? "parquet" : "jsonl" }

    func position() throws -> ChangePosition? {
        let names = try fileSystem.list(settings.path).compactMap { ChangeFileName($0) }
        if let other = names.first(where: { $0.ending != ending }) {
            throw Failure("\(settings.path) has .\(other.ending) files, and not .\(ending) files")
        }
        generation = names.map(\.generation).max() ?? 0
        let position = names.position
        if position == nil {
            // Parts of a snapshot that did not come to its end.
            for name in names where name.generation == generation {
                try fileSystem.remove("\(settings.path)/\(name)")
            }
            generation = max(0, generation - 1)
        }
        written = position
        return position
    }

    func begin(at position: ChangePosition) {
        generation += 1
        written = position
    }

    func beginSnapshot(_ position: ChangePosition) async throws {
        // Parts of a version, or of another snapshot, are of no use any more.
        if isMidVersion || snapshotParts != nil { file = nil }
        isMidVersion = false
        try end()
        generation += 1
        written = position
        snapshotParts = 0
    }

    func endSnapshot() async throws {
        if file == nil { try await open(behind: [], first: 0) }
        try end(isLast: true)
        snapshotParts = nil
    }

    func write(_ batch: ChangeBatch) async throws {
        let isNew = isMidVersion ? false : file.map { !$0.takes(batch) } ?? false
        if isNew { try end() }
        if file == nil { try await open(behind: batch.events, first: batch.lsn.rawValue) }
        try file?.append(batch)
        isMidVersion = snapshotParts == nil && !batch.isLast
        if batch.isLast, snapshotParts == nil { written?.lsn = batch.lsn }
        if let file, file.byteCount >= settings.bytesMax, !isMidVersion { try end() }
    }

    func settle(all: Bool) throws {
        guard file != nil, !isMidVersion, snapshotParts == nil else { return }
        if all || ContinuousClock.now - openedAt >= settings.timeMax { try end() }
    }

    func close() { lock.release() }

    // MARK: Files

    private func open(behind events: [ChangeEvent], first: UInt64) async throws {
        var fields: [VectorField] = []
        if settings.isParquet, settings.withVectors {
            fields = try await self.fields()
            // A field that the collection does not have any more is no reason to lose vectors.
            for event in events {
                let point = Point(id: .number(0), vectors: event.vectors)
                for field in VectorField.fields(of: point)
                where !fields.contains(where: { $0.name == field.name }) {
                    fields.append(field)
                }
            }
        }
        let writer: ChangeFile.Form =
            settings.isParquet
            ? .parquet(ParquetPointWriter(fields: fields, ofChanges: true), Set(fields.map(\.name)))
            : .lines
        file = ChangeFile(
            try fileSystem.open(temporary, .createEmpty), writer, first: first,
            withVectors: settings.withVectors)
        openedAt = .now
    }

    /// Gives the file that is being written its name.
    private func end(isLast: Bool = false) throws {
        guard let file, let written else { return }
        self.file = nil
        try file.finish()
        let content: ChangeFileName.Content
        if let parts = snapshotParts {
            snapshotParts = parts + 1
            content = .snapshot(lsn: written.lsn.rawValue, part: parts + 1, isLast: isLast)
        } else {
            content = .versions(first: file.first, last: written.lsn.rawValue)
        }
        let name = ChangeFileName(
            generation: generation, log: written.log, content, ending: ending)
        try fileSystem.rename(temporary, to: "\(settings.path)/\(name)")
        try fileSystem.synchronizeDirectory(settings.path)
    }
}
