import ApusCore

/// Verifies files without changing them.
package enum StorageCheck {
    /// Every fault of a collection's directory; empty: all that the manifest names is there and
    /// whole, and the log goes on from it without a gap.
    ///
    /// Reads every byte. Leftovers of a crash (temporary files, files that no manifest names, an
    /// unacknowledged tail of the log) are no faults: the next open removes them. What the sections
    /// mean is for the engine to check. No other process may write meanwhile.
    package static func collection(
        fileSystem: any FileSystem = PosixFileSystem(), directory: String
    ) -> [StorageError] {
        let manifest: Manifest
        do throws(StorageError) {
            let store = ManifestStore(fileSystem: fileSystem, directory: directory)
            // Without one the collection was never completely created.
            guard let found = try store.read() else { return [] }
            manifest = found
        } catch {
            return [error]
        }
        var faults: [StorageError] = []
        for segment in manifest.segments {
            let path = "\(directory)/\(FileName.segment(segment.number))"
            faults += self.segment(fileSystem: fileSystem, path: path)
            guard let lsn = segment.deletionFileLSN else { continue }
            let name = FileName.deletions(segment: segment.number, at: lsn)
            faults += deletions(
                fileSystem: fileSystem, path: "\(directory)/\(name)", rowCount: segment.rowCount,
                at: lsn)
        }
        return faults + checkpoints(fileSystem: fileSystem, directory: directory)
            + log(fileSystem: fileSystem, directory: directory, manifest: manifest)
    }

    /// A damaged checkpoint costs time only, but it says that the disk does not keep its bytes.
    private static func checkpoints(
        fileSystem: any FileSystem, directory: String
    ) -> [StorageError] {
        do throws(StorageError) {
            let names = try fileSystem.list(directory).filter {
                FileName.firstSequenceNumber(ofCheckpoint: $0) != nil
            }
            return names.flatMap { segment(fileSystem: fileSystem, path: "\(directory)/\($0)") }
        } catch {
            return [error]
        }
    }

    /// Every fault of a segment file: footer, sections, padding, and the blocks of its rows.
    package static func segment(
        fileSystem: any FileSystem = PosixFileSystem(), path: String
    ) -> [StorageError] {
        let reader: SegmentReader
        do throws(StorageError) {
            reader = try SegmentReader.open(fileSystem: fileSystem, path: path)
        } catch {
            return [error]
        }
        var faults = reader.verify()
        for section in reader.sections where section.encoding == .rowBlocks {
            guard let prefix = RowBlockFormat.prefix(ofBlocksSection: section.name) else {
                continue
            }
            do {
                let rows = try RowBlockReader(reader, prefix: prefix)
                try rows.forEachRow(in: 0..<rows.rowCount) { _, _ in }
            } catch let error as StorageError {
                if !faults.contains(error) { faults.append(error) }
            } catch {
                // Nothing else is thrown by the two calls.
                faults.append(.corrupt(path, at: section.offset, "\(error)"))
            }
        }
        return faults
    }

    private static func deletions(
        fileSystem: any FileSystem, path: String, rowCount: Int, at lsn: SequenceNumber
    ) -> [StorageError] {
        do throws(StorageError) {
            let file = try DeletionFile.read(
                fileSystem: fileSystem, path: path, rowCount: rowCount)
            guard file.sequenceNumber == lsn else {
                return [
                    .corrupt(
                        path, at: 8,
                        "expected sequence number \(lsn), found \(file.sequenceNumber)")
                ]
            }
            return []
        } catch {
            return [error]
        }
    }

    private static func log(
        fileSystem: any FileSystem, directory: String, manifest: Manifest
    ) -> [StorageError] {
        let path = "\(directory)/\(FileName.walDirectory)"
        do {
            let scan = unsafe try WALScan(
                fileSystem: fileSystem, directory: path, after: manifest.flushedThrough,
                logID: manifest.logID
            ) { _, _ in }
            if scan.files.isEmpty { return [.lostBatches(path, "the log has no files")] }
            return []
        } catch let error as StorageError {
            return [error]
        } catch {
            return [.corrupt(path, "\(error)")]
        }
    }
}
