import ApusCore
import ApusPipeline
import ApusStorage
import Foundation

/// Describes one file of a database.
enum FileOutline {
    typealias Fields = Outline.Fields

    /// Throws `Failure` when it is none.
    static func of(_ path: String) throws -> Outline {
        let name = URL(fileURLWithPath: path).lastPathComponent
        if name == FileName.marker {
            let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
            if let marker = try DatabaseMarker.read(directory: directory) {
                return .fields([
                    ("database_marker", .text(path)), ("format_version", .count(marker.version)),
                ])
            }
        }
        if name == FileName.current {
            let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
            if let manifest = try ManifestStore(directory: directory).read() {
                let named = FileName.manifest(generation: manifest.generation)
                return .fields([("current", .text(path)), ("manifest", .text(named))])
            }
        }
        switch try StoredFileKind.identify(path: path) {
        case .segment: return try segment(path)
        case .wal: return try log(path)
        case .manifest:
            let manifest = try ManifestStore.readFile(path: path)
            let named: Fields = [("manifest", .text(path))]
            let fields: Fields = manifestFields(manifest) { _ in [] }
            return .fields(named + fields)
        case .deletions: return try deletions(path)
        case nil:
            throw Failure(
                "\(path): no segment, log, manifest or deletion file of a database", exitCode: 2)
        }
    }

    // MARK: Manifest

    /// What a manifest says; `more` adds to each segment.
    static func manifestFields(
        _ manifest: Manifest, _ more: (Manifest.Segment) throws -> Fields
    ) rethrows -> Fields {
        let segments: [Outline] = try manifest.segments.map { segment in
            var fields: Fields = [
                ("segment", .count(segment.number)), ("rows", .number(segment.rowCount)),
            ]
            if let lsn = segment.deletionFileLSN {
                fields.append(("deletions_as_of_batch", .count(lsn.rawValue)))
            }
            fields += try more(segment)
            return Outline.fields(fields)
        }
        var fields: Fields = [
            ("generation", .count(manifest.generation)),
            ("log_id", .text(manifest.logID.description)),
            ("batches_in_segments_up_to", .count(manifest.flushedThrough.rawValue)),
            ("next_segment", .count(manifest.nextSegmentNumber)),
            ("segments", .list(segments)),
        ]
        let attributes: Fields = manifest.attributes.keys.sorted().map { key in
            (name: key, value: value(manifest.attributes[key] ?? []))
        }
        fields.append(("attributes", .fields(attributes)))
        return fields
    }

    /// JSON as what it says, other bytes as their number.
    private static func value(_ bytes: [UInt8]) -> Outline {
        if let value = try? JSONParser.value(in: bytes) { return Outline(value) }
        return .text("\(bytes.count) bytes")
    }

    // MARK: Segment

    private static func segment(_ path: String) throws -> Outline {
        let reader = try SegmentReader.open(path: path)
        var fields: Fields = [("segment", .text(path)), ("bytes", .number(reader.byteCount))]
        for section in reader.sections where section.name == "meta" {
            try reader.verifySection(section.name)
            fields.append(("meta", value(unsafe Array(try reader.section(section.name)))))
        }
        let sections: [Outline] = reader.sections.map { section in
            let fields: Fields = [
                ("section", .text(section.name)),
                ("encoding", .text(encoding(section.encoding))),
                ("offset", .number(section.offset)),
                ("bytes", .number(section.byteCount)),
                ("crc32c", .text(hexadecimal(section.checksum))),
            ]
            return Outline.fields(fields)
        }
        fields.append(("sections", .list(sections)))
        return .fields(fields)
    }

    private static func encoding(_ encoding: SectionEncoding) -> String {
        switch encoding {
        case .raw: "raw"
        case .rowBlocks: "row blocks"
        case .rowIndex: "row index"
        default: "\(encoding.rawValue)"
        }
    }

    // MARK: Log

    private static func log(_ path: String) throws -> Outline {
        let log = try WALDescription.describe(path: path)
        let records: [Outline] = log.records.map { record in
            let header = record.header
            var fields: Fields = [
                ("byte", .number(record.offset)),
                ("type", .text(header.type == .batch ? "batch" : "sync mark")),
                ("number", .count(header.sequenceNumber.rawValue)),
                ("stored_bytes", .number(header.storedByteCount)),
            ]
            if header.isCompressed {
                fields.append(("unpacked_bytes", .number(header.rawByteCount)))
            }
            fields.append(("synced_through", .count(header.syncedThrough.rawValue)))
            return Outline.fields(fields)
        }
        var fields: Fields = summary(log, named: path)
        fields.append(("format_version", .count(log.formatVersion)))
        fields.append(("log_id", .text(log.logID.description)))
        fields.append(("content", .list(records)))
        return .fields(fields)
    }

    /// A log file in a line.
    static func summary(_ log: WALDescription, named name: String) -> Fields {
        let batches = log.records.filter { $0.header.type == .batch }
        var fields: Fields = [
            ("log", .text(name)),
            ("bytes", .number(log.byteCount)),
            ("first_batch", .count(log.firstSequenceNumber.rawValue)),
            ("batches", .number(batches.count)),
        ]
        if let last = batches.last {
            fields.append(("last_batch", .count(last.header.sequenceNumber.rawValue)))
        }
        if log.tailByteCount > 0 { fields.append(("tail_bytes", .number(log.tailByteCount))) }
        if !log.faults.isEmpty {
            fields.append(("faults", .list(log.faults.map { .text("\($0)") })))
        }
        return fields
    }

    // MARK: Deletions

    private static func deletions(_ path: String) throws -> Outline {
        let file = try DeletionFile.read(path: path, rowCount: nil)
        return .fields([
            ("deletion_file", .text(path)),
            ("as_of_batch", .count(file.sequenceNumber.rawValue)),
            ("rows_of_the_segment", .number(file.deleted.count)),
            ("deleted", .number(file.deleted.cardinality)),
        ])
    }

    /// Eight lowercase digits.
    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}
