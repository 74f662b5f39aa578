import ApusCore
import ApusPipeline
import ApusStorage
import Foundation

/// Describes a database's directory, a collection's directory, or one of their files, without
/// changing anything and without taking the lock: a server may be running.
enum DatabaseOutline {
    private static let fileSystem = PosixFileSystem()

    /// Throws `Failure` when `path` is none of these.
    static func of(_ path: String) throws -> Outline {
        switch try fileSystem.kind(of: path) {
        case nil: throw Failure("\(path): no such file or directory", exitCode: 2)
        case .file: return try FileOutline.of(path)
        case .directory: break
        }
        if let marker = try DatabaseMarker.read(directory: path) {
            return try database(path, marker)
        }
        if try fileSystem.kind(of: "\(path)/\(FileName.current)") == .file {
            return try collection(path)
        }
        throw Failure(
            "\(path): neither a database (no file \(FileName.marker)) nor a collection (no file"
                + " \(FileName.current))", exitCode: 2)
    }

    private static func database(_ path: String, _ marker: DatabaseMarker) throws -> Outline {
        let directories = try collectionDirectories(of: path)
        let collections: [Outline] = try directories.map { try collection("\(path)/\($0)") }
        let fields: Outline.Fields = [
            ("database", .text(path)),
            ("format_version", .count(marker.version)),
            ("collections", .list(collections)),
        ]
        return .fields(fields)
    }

    /// The directories of collections, ascending; those that begin with a dot are leftovers.
    static func collectionDirectories(of database: String) throws -> [String] {
        try fileSystem.list(database).filter { name in
            guard !name.hasPrefix("."), name != FileName.walDirectory else { return false }
            return try fileSystem.kind(of: "\(database)/\(name)") == .directory
        }
    }

    /// The collection that a directory's name stands for.
    static func collectionName(ofDirectory name: String) -> String {
        name.removingPercentEncoding ?? name
    }

    private static func collection(_ path: String) throws -> Outline {
        let name = collectionName(ofDirectory: URL(fileURLWithPath: path).lastPathComponent)
        let store = ManifestStore(directory: path)
        guard let manifest = try store.read() else {
            return .fields([("collection", .text(name)), ("manifest", .text("none"))])
        }
        let stray = try store.strayFiles(of: manifest)
        var fields: Outline.Fields = [("collection", .text(name))]
        fields += try FileOutline.manifestFields(manifest) { segment in
            try self.segment(segment, in: path)
        }
        fields.append(("log", .list(try logFiles(of: path))))
        if !stray.isEmpty { fields.append(("leftovers", .list(stray.map { .text($0) }))) }
        return .fields(fields)
    }

    private static func segment(
        _ segment: Manifest.Segment, in directory: String
    ) throws -> Outline.Fields {
        let path = "\(directory)/\(FileName.segment(segment.number))"
        var fields: Outline.Fields = [
            ("bytes", .count(try SegmentReader.open(path: path).byteCount))
        ]
        if let lsn = segment.deletionFileLSN {
            let name = FileName.deletions(segment: segment.number, at: lsn)
            let file = try DeletionFile.read(
                path: "\(directory)/\(name)", rowCount: segment.rowCount)
            fields.append(("deleted", .number(file.deleted.cardinality)))
        }
        return fields
    }

    private static func logFiles(of collection: String) throws -> [Outline] {
        let directory = "\(collection)/\(FileName.walDirectory)"
        guard try fileSystem.kind(of: directory) == .directory else { return [] }
        return try fileSystem.list(directory)
            .filter { FileName.firstSequenceNumber(ofWAL: $0) != nil }
            .map { name in
                let log = try WALDescription.describe(path: "\(directory)/\(name)")
                return .fields(FileOutline.summary(log, named: name))
            }
    }
}
