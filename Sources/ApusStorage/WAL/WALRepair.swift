package import ApusCore

/// How far a damaged log can be read, and the cut there.
///
/// A log that opens has nothing to be cut. One that does not is cut only when somebody who knows
/// what that means asks for it: batches behind the damage were acknowledged.
package struct WALRepair {
    private let fileSystem: any FileSystem
    private let directory: String
    private var files: [WALScan.FileEntry] = []
    /// The file in which the readable part ends, and how many of its bytes are in it.
    private var end: (file: Int, byteCount: Int)?

    /// What keeps the log from being opened; nil: nothing does.
    package private(set) var fault: StorageError?
    /// The last batch before the damage; the `after` of the search when there is none.
    package private(set) var lastReadable: SequenceNumber
    /// The last batch behind the damage that shows itself; nil: none does.
    package private(set) var lastBehind: SequenceNumber?

    /// Reads the log, like opening it, and on behind the damage.
    ///
    /// Calls `replay` with each batch after `after` that opening would replay, and `behind` with
    /// each that can be read behind the damage. A batch for which `replay` throws is damage.
    package init(
        fileSystem: any FileSystem, directory: String, after: SequenceNumber, logID: LogID,
        replay: (SequenceNumber, UnsafeRawBufferPointer) throws -> Void,
        behind: (SequenceNumber, UnsafeRawBufferPointer) -> Void
    ) throws {
        self.fileSystem = fileSystem
        self.directory = directory
        lastReadable = after
        do {
            let scan = unsafe try WALScan(
                fileSystem: fileSystem, directory: directory, after: after, logID: logID,
                replay: replay)
            files = scan.files
            lastReadable = scan.last
            if scan.files.isEmpty {
                fault = .corrupt(directory, "the log has no files")
            }
            return
        } catch let error as StorageError where error.kind != .corrupt && error.kind != .notFound {
            // What cannot be read now may be whole.
            throw error
        } catch let error as DatabaseError where error.kind == .failedPrecondition {
            throw error
        } catch {
            fault = (error as? StorageError) ?? .corrupt(directory, "\(error)")
        }
        guard try fileSystem.kind(of: directory) == .directory else { return }
        for name in try fileSystem.list(directory) {
            guard let first = FileName.firstSequenceNumber(ofWAL: name) else { continue }
            files.append(WALScan.FileEntry(first: first, path: "\(directory)/\(name)"))
        }
        files.sort { $0.first < $1.first }
        unsafe try findEnd(after: after, logID: logID, replay: replay, behind: behind)
    }

    private mutating func findEnd(
        after: SequenceNumber, logID: LogID,
        replay: (SequenceNumber, UnsafeRawBufferPointer) throws -> Void,
        behind: (SequenceNumber, UnsafeRawBufferPointer) -> Void
    ) throws(StorageError) {
        let start = files.lastIndex { $0.first <= after.next }
        var expected = start.map { files[$0].first }
        for index in (start ?? 0)..<max(files.count, start ?? 0) {
            let content = try fileSystem.load(files[index].path)
            guard var reader = try? WALFileReader(content), reader.header.logID == logID,
                reader.header.firstSequenceNumber == files[index].first
            else {
                expected = nil
                continue
            }
            if let next = expected, next == files[index].first {
                expected = unsafe read(&reader, file: index, from: next, after: after, replay)
            } else {
                expected = nil
            }
            if expected == nil { unsafe readBehind(&reader, behind) }
        }
    }

    /// Reads a file as opening does; nil when it does not go to its end.
    private mutating func read(
        _ reader: inout WALFileReader, file: Int, from first: SequenceNumber,
        after: SequenceNumber, _ replay: (SequenceNumber, UnsafeRawBufferPointer) throws -> Void
    ) -> SequenceNumber? {
        var expected = first
        while true {
            let start = reader.offset
            end = (file, start)
            guard case .record(let record, let range) = reader.next() else {
                return reader.offset == reader.file.byteCount ? expected : nil
            }
            if record.type == .syncMark {
                guard record.sequenceNumber.next == expected else { return nil }
                end = (file, reader.offset)
                continue
            }
            guard record.sequenceNumber == expected,
                let bytes = try? reader.payload(of: record, in: range)
            else { return nil }
            if expected > after {
                // The scan has replayed it once; only whether it can be is asked here.
                do {
                    try unsafe bytes.withUnsafeBytes { unsafe try replay(expected, $0) }
                } catch {
                    return nil
                }
            }
            lastReadable = max(lastReadable, expected)
            end = (file, reader.offset)
            expected = expected.next
        }
    }

    /// Every batch from here on that is whole by itself.
    private mutating func readBehind(
        _ reader: inout WALFileReader, _ behind: (SequenceNumber, UnsafeRawBufferPointer) -> Void
    ) {
        while reader.offset < reader.file.byteCount {
            guard case .record(let record, let range) = reader.next() else {
                reader.skipByte()
                continue
            }
            guard record.type == .batch, record.sequenceNumber > lastReadable else { continue }
            lastBehind = max(lastBehind ?? .zero, record.sequenceNumber)
            guard let bytes = try? reader.payload(of: record, in: range) else { continue }
            unsafe bytes.withUnsafeBytes { unsafe behind(record.sequenceNumber, $0) }
        }
    }

    /// The files that the cut changes or removes: they go to the quarantine first.
    package var filesToCut: [String] {
        guard fault != nil else { return [] }
        return files[(end?.file ?? 0)...].map(\.path)
    }

    /// Takes away everything behind the damage. What is taken is linked elsewhere by now.
    ///
    /// The newest file goes first, so that a crash on the way leaves a log that is damaged as
    /// before, or one that ends at the cut. At the end the log opens with `lastReadable`.
    package func cut(logID: LogID) throws(StorageError) {
        guard fault != nil else { return }
        if try fileSystem.kind(of: directory) != .directory {
            try fileSystem.makeDirectory(directory)
            try fileSystem.synchronizeDirectory(FileName.parent(of: directory))
        }
        let kept = end?.file
        for index in files.indices.reversed() where index > kept ?? -1 {
            try fileSystem.remove(files[index].path)
            try fileSystem.synchronizeDirectory(directory)
        }
        if let (file, byteCount) = end {
            // Not truncated in place: the quarantine has the same file under another name.
            let path = files[file].path
            try fileSystem.replace(path, with: Array(try fileSystem.read(path).prefix(byteCount)))
            try fileSystem.synchronizeDirectory(directory)
        } else {
            let draft = try WALFileDraft(
                fileSystem: fileSystem, directory: directory, first: lastReadable.next,
                logID: logID, freeByteCount: 0)
            _ = try draft.publish()
        }
    }
}
