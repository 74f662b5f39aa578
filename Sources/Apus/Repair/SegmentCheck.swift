internal import ApusCore
internal import ApusIndex
internal import ApusStorage

/// Everything that can be wrong with a segment file, in its bytes and in what they mean.
///
/// Reads the mapped file; memory stays bounded by a few bytes a row.
struct SegmentCheck {
    /// One sentence each, with file and place.
    private(set) var faults: [String] = []
    /// The segment with its deletions, when it can be looked into.
    private(set) var segment: SealedSegment?

    init(
        _ entry: Manifest.Segment, files: CollectionFiles, manifest: Manifest,
        configuration: CollectionConfiguration, fileSystem: any FileSystem
    ) throws {
        let path = files.segment(entry.number)
        for fault in StorageCheck.segment(fileSystem: fileSystem, path: path) {
            if fault.kind == .newerFormat { throw fault }
            faults.append(fault.description)
        }
        let deletions = deletions(of: entry, files, fileSystem)
        do {
            // Where it lies: checking must not take the memory that serving takes.
            let segment = try SealedSegment(
                path: path, fileSystem: fileSystem, number: entry.number, replacing: nil,
                configuration: configuration.withVectorsOnDisk)
            if segment.rowCount != entry.rowCount {
                faults.append(
                    "\(path): \(segment.rowCount) rows, the manifest expects \(entry.rowCount)")
            }
            if let deletions, deletions.deleted.count == segment.rowCount {
                deletions.deleted.forEach {
                    segment.deletions.delete($0, at: deletions.sequenceNumber)
                }
            }
            self.segment = segment
        } catch {
            // Of a newer format: not for this program to judge, still less to replace.
            if DatabaseError(causedBy: error).kind == .failedPrecondition { throw error }
            add(error)
            return
        }
        // Bytes that are not what was written need no further explanation.
        guard faults.isEmpty, let segment else { return }
        checkRows(of: segment, path: path, manifest: manifest)
        checkFields(of: segment, path: path)
        checkPayloads(of: segment, path: path)
        checkPayloadIndexes(of: segment, path: path)
        checkSparseLists(of: segment, path: path)
    }

    private mutating func add(_ error: any Error) {
        let text = DatabaseError(causedBy: error).plain.message
        if !faults.contains(where: { text.contains($0) }) { faults.append(text) }
    }

    private mutating func deletions(
        of entry: Manifest.Segment, _ files: CollectionFiles, _ fileSystem: any FileSystem
    ) -> DeletionFile? {
        guard let path = files.deletions(of: entry) else { return nil }
        do {
            let file = try DeletionFile.read(
                fileSystem: fileSystem, path: path, rowCount: entry.rowCount)
            if file.sequenceNumber != entry.deletionFileLSN {
                faults.append("\(path): it is of sequence number \(file.sequenceNumber)")
            }
            return file
        } catch {
            faults.append(error.description)
            return nil
        }
    }

    private mutating func checkRows(
        of segment: SealedSegment, path: String, manifest: Manifest
    ) {
        do { try segment.prepareRows() } catch { return add(error) }
        faults += segment.faults
        for row in 0..<segment.rowCount
        where segment.version(at: row) > manifest.flushedThrough
            || segment.version(at: row) == .zero
        {
            faults.append(
                "\(path): section versions: row \(row) is of batch \(segment.version(at: row)), "
                    + "the manifest's last is \(manifest.flushedThrough)")
            break
        }
        var previous: PointID?
        _ = segment.rowsInIDOrder(from: nil, limit: 1, writtenCount: segment.rowCount) { row in
            guard segment.deletions.isVisible(row, at: manifest.flushedThrough) else {
                return false
            }
            let id = segment.id(at: row)
            if id == previous { faults.append("\(path): point \(id) lives in two rows") }
            previous = id
            return false
        }
    }

    private mutating func checkFields(of segment: SealedSegment, path: String) {
        let known = segment.faults.count
        do {
            for field in try segment.denseFields.values {
                var absent = 0
                for row in 0..<segment.rowCount where !field.hasVector(at: row) { absent += 1 }
                if absent != field.presence?.absentCount ?? 0 {
                    faults.append("\(path): field `\(field.name)`: \(absent) rows lack a vector")
                }
                faults +=
                    field.ivf?.checkInvariants(isPresent: field.hasVector).map {
                        "\(path): the lists of `\(field.name)`: \($0)"
                    } ?? []
                guard let index = field.index else { continue }
                if let row = index.firstRowWithOtherCodes() {
                    faults.append(
                        "\(path): the codes of `\(field.name)` are those of other vectors: row "
                            + "\(row)")
                }
                if index.indexedCount != segment.rowCount {
                    faults.append(
                        "\(path): the graph of `\(field.name)` covers \(index.indexedCount) rows, "
                            + "expected \(segment.rowCount)")
                }
                faults += index.checkInvariants().prefix(3).map {
                    "\(path): the graph of `\(field.name)`: \($0)"
                }
                if index.fitsVectors() == false {
                    faults.append(
                        "\(path): the graph of `\(field.name)` was built for other vectors: its "
                            + "links do not lead to near rows")
                }
            }
        } catch {
            add(error)
        }
        faults += segment.faults.dropFirst(known)
    }

    private mutating func checkPayloadIndexes(of segment: SealedSegment, path: String) {
        do {
            faults += try segment.wrongPayloadIndexes().map {
                "\(path): the index of payload field `\($0)` is that of other payload"
            }
        } catch {
            add(error)
        }
    }

    private mutating func checkSparseLists(of segment: SealedSegment, path: String) {
        do {
            let known = segment.faults.count
            _ = try segment.sparseFields
            let found = segment.faults.dropFirst(known)
            faults += found
            guard found.isEmpty else { return }
            faults += try segment.wrongSparseLists().map {
                "\(path): the inverted lists of `\($0)` are those of other vectors"
            }
        } catch {
            add(error)
        }
    }

    private mutating func checkPayloads(of segment: SealedSegment, path: String) {
        for row in 0..<segment.rowCount {
            do {
                _ = try segment.payload(at: row)
                _ = try segment.extras(at: row)
            } catch {
                let text = DatabaseError(causedBy: error).plain.message
                faults.append("\(path): row \(row): \(text)")
                return
            }
        }
    }
}

extension CollectionConfiguration {
    fileprivate var withVectorsOnDisk: CollectionConfiguration {
        var copy = self
        for name in copy.vectors.keys { copy.vectors[name]?.onDisk = true }
        return copy
    }
}
