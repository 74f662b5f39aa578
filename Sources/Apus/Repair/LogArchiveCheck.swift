internal import ApusCore
internal import ApusStorage

/// Everything that can be wrong with archived logs: files by themselves, and what is missing between
/// them. Nothing is changed.
struct LogArchiveCheck {
    private(set) var faults: [String] = []
    private(set) var leftovers: [String] = []
    private(set) var fileCount = 0

    private let blobs: LocalBlobStore
    private let fileSystem: any FileSystem

    /// - Parameter parts: of all snapshots that a restore may begin with.
    init(
        directory: String, parts: [SnapshotRecord.Part], fileSystem: any FileSystem
    ) throws {
        blobs = LocalBlobStore(fileSystem: fileSystem, directory: directory)
        self.fileSystem = fileSystem
        var logs: [LogName: [ArchivedLogFile]] = [:]
        for key in try blobs.list(prefix: "\(ArchivedLogFile.folder)/") {
            guard let file = ArchivedLogFile(key) else {
                leftovers.append("\(blobs.place(of: key)): not the name of an archived log file")
                continue
            }
            fileCount += 1
            check(file, key)
            logs[LogName(collection: file.collection, id: file.logID), default: []].append(file)
        }
        for (name, files) in logs.sorted(by: { $0.key < $1.key }) {
            let starts = parts.filter { $0.collection == name.collection && $0.log == name.id }
                .map { SequenceNumber($0.sequenceNumber) }
            check(files, of: name.collection, startingAt: starts)
        }
    }

    private struct LogName: Hashable, Comparable {
        var collection: String
        var id: String

        static func < (left: LogName, right: LogName) -> Bool {
            (left.collection, left.id) < (right.collection, right.id)
        }
    }

    /// A file must hold just the batches that its name says.
    private mutating func check(_ file: ArchivedLogFile, _ key: RelativePath) {
        let path = blobs.place(of: key)
        let found: WALDescription
        do {
            found = try WALDescription.describe(fileSystem: fileSystem, path: path)
        } catch {
            faults.append(error.description)
            return
        }
        if found.logID.description != file.logID {
            faults.append("\(path): the header says that it is of the log \(found.logID)")
        }
        if found.firstSequenceNumber != file.first {
            faults.append(
                "\(path): the header says that it begins with batch \(found.firstSequenceNumber)")
        }
        faults += found.faults.map(\.description)
        let last =
            found.records.last?.header.sequenceNumber
            ?? SequenceNumber(found.firstSequenceNumber.rawValue - 1)
        if last != file.last {
            faults.append("\(path): expected batches up to \(file.last), found them up to \(last)")
        } else if found.tailByteCount > 0, found.faults.isEmpty {
            faults.append("\(path): \(found.tailByteCount) bytes at the end are no record")
        }
    }

    /// The files of one log must follow each other, and a snapshot must lead to the first.
    private mutating func check(
        _ files: [ArchivedLogFile], of collection: String, startingAt starts: [SequenceNumber]
    ) {
        let longest = ArchivedLog.longest(of: files)
        for file in Set(files).subtracting(longest).sorted(by: { $0.last < $1.last }) {
            leftovers.append("\(place(of: file)): another file goes further")
        }
        guard let first = longest.first else { return }
        if let start = starts.max(), !starts.contains(where: { $0.next >= first.first }) {
            faults.append(missing(start.next, before: first, collection))
        }
        for (file, next) in zip(longest, longest.dropFirst()) where next.first != file.last.next {
            guard next.first > file.last else {
                faults.append(
                    "\(place(of: next)): the file before it, which ends with batch \(file.last), "
                        + "has some of its batches")
                continue
            }
            faults.append(missing(file.last.next, before: next, collection))
        }
    }

    private func missing(
        _ first: SequenceNumber, before file: ArchivedLogFile, _ collection: String
    ) -> String {
        "\(place(of: file)): batches \(first) to \(file.first.rawValue - 1) of collection "
            + "`\(collection)` are missing before this file"
    }

    private func place(of file: ArchivedLogFile) -> String {
        file.key.map { blobs.place(of: $0) } ?? file.logID
    }
}
