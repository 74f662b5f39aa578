internal import ApusCore
internal import ApusKernels
internal import ApusStorage

/// What can be read of a segment file that is damaged somewhere.
///
/// A row can be saved when its id, its vectors and its payload are each covered by a checksum that
/// is right (of the section, of a piece of it (`SectionSums`), or of its block), and its payload can
/// be decoded.
@safe
struct SegmentSalvage {
    let path: String
    let rowCount: Int
    /// Rows whose ids can be read.
    let knownRows: Bitmap
    /// Rows that can be saved.
    let readableRows: Bitmap
    /// Bytes of their payloads and extras.
    let blobByteCount: Int

    private let reader: SegmentReader
    private let metadata: SegmentFile.Metadata
    private let versionedRows: Bitmap
    private let ids: UnsafePointer<PointIDRecord>
    private let versions: UnsafePointer<UInt64>

    /// Throws when nothing can be read: the file is missing, or its footer or `meta` is damaged.
    init(
        path: String, fileSystem: any FileSystem, number: UInt64,
        configuration: CollectionConfiguration
    ) throws {
        let reader = try SegmentReader.open(fileSystem: fileSystem, path: path)
        let metadata = try SegmentFile.metadata(of: reader)
        let count = metadata.rowCount
        guard metadata.number == number, count >= 0, count <= Int(UInt32.max) else {
            throw DatabaseError(.corruption, "\(path): found segment \(metadata.number)")
        }
        self.path = path
        self.reader = reader
        self.metadata = metadata
        rowCount = count
        unsafe ids = try reader.array(SegmentFile.Section.ids, count: count)
        unsafe versions = try reader.array(SegmentFile.Section.versions, count: count)
        knownRows = SectionSums.intactRows(
            of: SegmentFile.Section.ids, rowByteCount: MemoryLayout<PointIDRecord>.stride,
            rowCount: count, in: reader)
        versionedRows = SectionSums.intactRows(
            of: SegmentFile.Section.versions, rowByteCount: 8, rowCount: count, in: reader)
        var readable = knownRows
        for (position, field) in metadata.fields.enumerated() {
            try SegmentFile.check(field, at: position, rowCount: count, in: reader, configuration)
            readable.formIntersection(
                Self.intactVectors(of: field, at: position, rowCount: count, in: reader))
        }
        var blobByteCount = 0
        for prefix in metadata.rowSections {
            var rows = Bitmap(count: count)
            _ = try Self.rows(prefix, in: reader)?.forEachReadableRow { row, bytes in
                guard row < count, Self.isDecodable(Array(bytes), of: prefix) else { return }
                rows[row] = true
                blobByteCount += bytes.count
            }
            readable.formIntersection(rows)
        }
        readableRows = readable
        self.blobByteCount = blobByteCount
    }

    func id(at row: Int) -> PointID {
        precondition(row >= 0 && row < rowCount)
        return unsafe ids[row].id
    }

    /// The batch that wrote a row; 0 when that cannot be read. O(1).
    func version(at row: Int) -> UInt64 { unsafe versionedRows[row] ? versions[row] : 0 }

    /// The wanted rows as a segment in memory, in the same order; its graphs are not built yet.
    /// `wanted` are readable. A row whose version is not known, or none up to `last`, the
    /// last batch in segment files, gets the first there is.
    func rebuilt(
        number: UInt64, wanted: Bitmap, configuration: CollectionConfiguration,
        through last: SequenceNumber
    ) throws -> GrowingSegment {
        let segment = try GrowingSegment(
            number: number, configuration: configuration, capacity: max(1, wanted.cardinality),
            blobByteCapacity: max(1, blobByteCount))
        let fields = try metadata.fields.enumerated().map { position, field in
            try SegmentFile.unverified(field, at: position, rowCount: rowCount, from: reader)
        }
        // Payload and extras are read side by side, block by block.
        let extras =
            try metadata.hasExtras ? Self.rows(SegmentFile.Section.extras, in: reader) : nil
        _ = try Self.rows(SegmentFile.Section.payload, in: reader)?.forEachReadableRow {
            row, payload in
            guard row < wanted.count, wanted[row] else { return }
            var dense: [String: [Float]] = [:]
            for field in fields { dense[field.name] = field.vector(at: row) }
            let version = version(at: row)
            segment.append(
                try StoredPoint(
                    id: id(at: row), dense: dense, payload: Array(payload),
                    encodedExtras: try extras?.row(row) ?? []),
                lsn: SequenceNumber((1...max(1, last.rawValue)).contains(version) ? version : 1))
        }
        return segment
    }

    private static func intactVectors(
        of field: SegmentFile.Metadata.Field, at position: Int, rowCount: Int,
        in reader: SegmentReader
    ) -> Bitmap {
        var intact = SectionSums.intactRows(
            of: SegmentFile.Section.vectors(position),
            rowByteCount: VectorSpace.rowByteCount(
                dimension: field.dimension, field.element), rowCount: rowCount,
            in: reader)
        guard field.absentCount > 0 else { return intact }
        let name = SegmentFile.Section.presence(position)
        let known = SectionSums.intactRows(
            of: name, rowByteCount: 1, rowCount: rowCount, in: reader)
        if let presence = unsafe try? reader.section(name) {
            // A row without a vector may have any bytes in its place.
            for row in 0..<rowCount where known[row] {
                if unsafe presence[row] == 0 { intact[row] = true }
            }
        }
        intact.formIntersection(known)
        return intact
    }

    /// Whether a row's bytes mean something; a right checksum says only that they were written.
    private static func isDecodable(_ bytes: [UInt8], of prefix: String) -> Bool {
        do throws(MalformedBytes) {
            if prefix == SegmentFile.Section.payload {
                _ = try decoding(bytes) { (reader) throws(MalformedBytes) in
                    try reader.readPayload()
                }
            } else {
                _ = try RowExtras.decode(bytes)
            }
            return true
        } catch {
            return false
        }
    }

    /// nil: not even the blocks are there.
    private static func rows(_ prefix: String, in reader: SegmentReader) throws -> RowBlockReader? {
        if let rows = try? RowBlockReader(reader, prefix: prefix) { return rows }
        return try? RowBlockReader.withoutIndex(reader, prefix: prefix)
    }
}

extension SegmentFile.Metadata {
    /// Prefixes of the sections that hold rows of any length.
    var rowSections: [String] {
        hasExtras
            ? [SegmentFile.Section.payload, SegmentFile.Section.extras]
            : [SegmentFile.Section.payload]
    }
}
