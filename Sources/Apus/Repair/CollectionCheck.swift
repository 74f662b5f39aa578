internal import ApusCore
private import ApusIndex
internal import ApusStorage

/// Everything that can be wrong with a collection's directory. Nothing is changed.
struct CollectionCheck {
    private(set) var faults: [String] = []
    private(set) var leftovers: [String] = []
    private(set) var segmentCount = 0
    private(set) var logFileCount = 0

    private let files: CollectionFiles
    private let fileSystem: any FileSystem

    init(directory: String, fileSystem: any FileSystem) {
        self.fileSystem = fileSystem
        files = CollectionFiles(directory: directory, fileSystem: fileSystem)
        do {
            let manifest: Manifest
            do {
                guard let found = try files.store.read() else {
                    faults.append("\(directory): expected a manifest, found none")
                    return
                }
                manifest = found
            }
            try check(manifest)
        } catch {
            faults.append(DatabaseError(causedBy: error).plain.message)
        }
    }

    private mutating func check(_ manifest: Manifest) throws {
        let attributes = try Collection.attributes(of: manifest, directory: files.directory)
        leftovers = try files.store.strayFiles(of: manifest).map { "\(files.directory)/\($0)" }
        for lost in try manifest.lostSegments() {
            faults.append("\(files.segment(lost.number)): \(lost.text)")
        }
        segmentCount = manifest.segments.count
        var segments: [SealedSegment] = []
        for entry in manifest.segments {
            let check = try SegmentCheck(
                entry, files: files, manifest: manifest, configuration: attributes.configuration,
                fileSystem: fileSystem)
            faults += check.faults.map(\.withoutOrigin)
            if check.faults.isEmpty, let segment = check.segment { segments.append(segment) }
        }
        checkPointsAcross(segments, manifest)
        try checkCheckpoints()
        try checkLog(manifest, attributes.configuration)
    }

    /// A point lives in one segment at most.
    private mutating func checkPointsAcross(_ segments: [SealedSegment], _ manifest: Manifest) {
        let lsn = manifest.flushedThrough
        for (index, segment) in segments.enumerated() {
            for other in segments[..<index] {
                for row in 0..<segment.rowCount where segment.deletions.isVisible(row, at: lsn) {
                    let id = segment.id(at: row)
                    guard other.row(of: id, at: lsn) != nil else { continue }
                    faults.append(
                        "\(files.segment(segment.number)): point \(id) lives in segment "
                            + "\(other.number) too")
                    break
                }
            }
        }
    }

    /// A damaged checkpoint costs time only, but it says that the disk does not keep its bytes.
    private mutating func checkCheckpoints() throws {
        for name in try fileSystem.list(files.directory)
        where FileName.firstSequenceNumber(ofCheckpoint: name) != nil {
            let path = "\(files.directory)/\(name)"
            faults += StorageCheck.segment(fileSystem: fileSystem, path: path).map(\.description)
        }
    }

    private mutating func checkLog(
        _ manifest: Manifest, _ configuration: CollectionConfiguration
    ) throws {
        if try fileSystem.kind(of: files.logDirectory) == .directory {
            logFileCount = try fileSystem.list(files.logDirectory).count {
                FileName.firstSequenceNumber(ofWAL: $0) != nil
            }
        }
        let log = unsafe try WALRepair(
            fileSystem: fileSystem, directory: files.logDirectory, after: manifest.flushedThrough,
            logID: manifest.logID,
            replay: { lsn, bytes in
                _ = unsafe try Collection.batch(lsn, bytes, configuration)
            }, behind: { _, _ in })
        if let fault = log.fault { faults.append(fault.description) }
        // Files that opening does not read, and bytes that it does not need, are bytes all the same.
        guard log.fault == nil else { return }
        for name in try fileSystem.list(files.logDirectory)
        where FileName.firstSequenceNumber(ofWAL: name) != nil {
            let path = "\(files.logDirectory)/\(name)"
            do {
                let file = try WALDescription.describe(fileSystem: fileSystem, path: path)
                faults += file.faults.map(\.description)
                if file.tailByteCount > 0, file.faults.isEmpty {
                    leftovers.append(
                        "\(path): \(file.tailByteCount) bytes at the end that were never "
                            + "acknowledged")
                }
            } catch {
                // The newest file may have been cut off while it was made, before its first batch.
                if try fileSystem.open(path, .read).size() > 40 {
                    faults.append(error.description)
                } else {
                    leftovers.append(error.description)
                }
            }
        }
    }
}
