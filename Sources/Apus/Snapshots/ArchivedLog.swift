internal import ApusCore
internal import ApusStorage

/// A log file in the archive.
struct ArchivedLogFile: Hashable, Sendable {
    var collection: String
    var logID: String
    var first: SequenceNumber
    var last: SequenceNumber

    init(
        collection: String, logID: String, first: SequenceNumber, last: SequenceNumber
    ) {
        self.collection = collection
        self.logID = logID
        self.first = first
        self.last = last
    }

    /// nil: no archived log file has this key.
    init?(_ key: RelativePath) {
        let names = key.names
        guard names.count == 4, names[0] == Self.folder,
            let collection = CollectionFiles.collection(ofDirectory: String(names[1]))
        else { return nil }
        let parts = names[3].split(separator: "-")
        guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]),
            first > 0, first <= last, last < 1 << 62
        else { return nil }
        self.init(
            collection: collection, logID: String(names[2]), first: SequenceNumber(first),
            last: SequenceNumber(last))
        guard self.key == key else { return nil }
    }

    static let folder = "log"

    var key: RelativePath? {
        RelativePath(Self.prefix(collection, logID) + "\(digits(first))-\(digits(last))")
    }

    /// All files of one log, by their first batch; of equal ones the shortest first.
    static func list(
        of collection: String, logID: String, in archive: any BlobStore
    ) throws -> [ArchivedLogFile] {
        try archive.list(prefix: prefix(collection, logID)).compactMap { ArchivedLogFile($0) }
    }

    private static func prefix(_ collection: String, _ logID: String) -> String {
        "\(folder)/\(CollectionFiles.directoryName(of: collection))/\(logID)/"
    }

    private func digits(_ lsn: SequenceNumber) -> String {
        let text = String(lsn.rawValue)
        return String(repeating: "0", count: max(0, 20 - text.count)) + text
    }
}

/// The part of a collection's archived log that goes on from a snapshot: files without a gap between
/// them.
///
/// Their names say how far they should go. A file that was cut off or changed at its end looks like
/// one that a crash left, which a log may end in; an archive may not.
struct ArchivedLog {
    private let archive: any BlobStore
    private let part: SnapshotRecord.Part
    /// Ascending; each goes on where the one before it ends.
    private(set) var files: [ArchivedLogFile] = []
    /// The first file that does not; nil: there is none.
    private var fileBehindGap: ArchivedLogFile?

    /// Looks for what follows the snapshot, as far as the target needs it.
    init(
        after part: SnapshotRecord.Part, to target: RestoreTarget, in archive: any BlobStore
    ) throws {
        self.archive = archive
        self.part = part
        var limit = SequenceNumber(1 << 62)
        if case .sequenceNumber(let number) = target { limit = number }
        var end = SequenceNumber(part.sequenceNumber)
        let all = try ArchivedLogFile.list(of: part.collection, logID: part.log, in: archive)
        for file in Self.longest(of: all) where file.last > end {
            guard end < limit else { return }
            guard file.first <= end.next else {
                fileBehindGap = file
                return
            }
            files.append(file)
            end = file.last
        }
    }

    /// Of files with the same beginning the one that goes further, ascending.
    static func longest(of files: [ArchivedLogFile]) -> [ArchivedLogFile] {
        var longest: [SequenceNumber: ArchivedLogFile] = [:]
        for file in files where longest[file.first].map({ $0.last < file.last }) ?? true {
            longest[file.first] = file
        }
        return longest.values.sorted { $0.first < $1.first }
    }

    /// Copies the files into a directory, which is made, as log files.
    func copyFiles(to directory: String, fileSystem: any FileSystem) throws {
        try fileSystem.makeDirectory(directory)
        for file in files {
            guard let key = file.key, let size = try archive.size(of: key) else {
                throw DatabaseError(
                    .unavailable,
                    "\(place(of: file)): the file went while the archive was read; try again")
            }
            let name = FileName.wal(firstSequenceNumber: file.first)
            let output = try fileSystem.open("\(directory)/\(name)", .createNew)
            var offset: UInt64 = 0
            while offset < size {
                let piece = try archive.read(key, offset..<min(size, offset + 1 << 20))
                try output.write(piece, at: offset)
                offset += UInt64(piece.count)
            }
        }
    }

    /// Throws unless a log that has been read through `end`, without coming to the target, is all
    /// that there is.
    func checkIsRead(through end: SequenceNumber) throws {
        if let last = files.last?.last, end < last { throw damage(behind: end) }
        guard let next = fileBehindGap else { return }
        throw DatabaseError(
            .corruption,
            "\(place(of: next)): batches \(end.next) to \(next.first.rawValue - 1) of collection "
                + "`\(part.collection)` are missing in the archived log before this file; restore "
                + "up to batch \(end), or begin with a later snapshot")
    }

    /// What it means that the files cannot be read further than to `end`.
    func damage(behind end: SequenceNumber, at offset: UInt64? = nil) -> DatabaseError {
        let place = files.first { $0.last > end }.map { file in
            "\(self.place(of: file))\(offset.map { ", byte \($0)" } ?? ""): the archived log file "
                + "is damaged: expected batches up to \(file.last), found"
        }
        return DatabaseError(
            .corruption,
            "\(place ?? "the archived log of collection `\(part.collection)` is damaged: found") "
                + "none that can be read behind batch \(end); restore up to that batch, or begin "
                + "with a later snapshot")
    }

    private func place(of file: ArchivedLogFile) -> String {
        file.key.map { archive.place(of: $0) } ?? file.logID
    }
}
