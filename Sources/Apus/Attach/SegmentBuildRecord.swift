internal import ApusCore
private import ApusKernels
internal import ApusStorage
private import Foundation

/// What a folder of built segments says of itself, in `segments.json`: the settings, the files with
/// their checksums, and how many points there are. docs/format.md has its text ("Built segments").
struct SegmentBuildRecord: Codable, Sendable {
    static let formatVersion = 1
    static let fileName = "segments.json"
    private static let byteCountMax: UInt64 = 64 << 20
    private static let pieceByteCount = 1 << 20

    struct File: Codable, Sendable {
        var name: String
        var rowCount: Int
        var byteCount: UInt64
        var sha256: String
    }

    var formatVersion = Self.formatVersion
    /// Follows from settings and files, so that building again from the same input gives the same.
    var id = ""
    var pointCount: Int
    var settings: CollectionAttributes
    /// A point is in one of them, once.
    var segments: [File]

    init(settings: CollectionAttributes, segments: [File]) throws {
        self.settings = settings
        self.segments = segments
        pointCount = segments.reduce(0) { $0 + $1.rowCount }
        id = try computedID()
    }

    private func computedID() throws -> String {
        var named = self
        named.id = ""
        let digest = SHA256.digest(of: try named.line())
        return String(digest.description.prefix(32))
    }

    private func line() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(self)) + [0x0a]
    }

    private static func checksum(_ line: [UInt8]) -> [UInt8] {
        let digits = String(CRC32C.checksum(of: line), radix: 16)
        return Array((String(repeating: "0", count: 8 - digits.count) + digits + "\n").utf8)
    }

    /// JSON on one line, and a line with its checksum.
    func encoded() throws -> [UInt8] {
        let line = try line()
        return line + Self.checksum(line)
    }

    private struct Version: Codable { var formatVersion: Int }

    /// Throws `.notFound` for a folder without a record, `.corruption` and, for a later format,
    /// `.failedPrecondition`.
    static func read(in directory: String, _ fileSystem: any FileSystem) throws -> Self {
        let path = "\(directory)/\(fileName)"
        guard try fileSystem.kind(of: path) == .file else {
            throw DatabaseError(
                .notFound,
                "Not found: \(path): the folder has no segments that were built to the end")
        }
        guard try fileSystem.open(path, .read).size() <= byteCountMax else {
            throw DatabaseError(.corruption, "\(path): no record of built segments is so large")
        }
        let bytes = try fileSystem.read(path)
        let line = bytes.prefix { $0 != 0x0a } + [0x0a]
        guard checksum(Array(line)) == Array(bytes.dropFirst(line.count)) else {
            throw DatabaseError(.corruption, "\(path): the record does not have its checksum")
        }
        do {
            let version = try JSONDecoder().decode(Version.self, from: Data(line)).formatVersion
            guard version <= formatVersion else {
                throw DatabaseError(
                    .failedPrecondition,
                    "\(path): the segments have format version \(version); this program knows "
                        + "versions up to \(formatVersion)")
            }
            let record = try JSONDecoder().decode(Self.self, from: Data(line))
            try record.check(path: path)
            return record
        } catch let error as DecodingError {
            throw DatabaseError(.corruption, "\(path): \(error)")
        }
    }

    /// Names become paths, and counts sizes.
    private func check(path: String) throws {
        guard try id == computedID() else {
            throw DatabaseError(.corruption, "\(path): `\(id)` is not the id of what it names")
        }
        var count = 0
        for file in segments {
            guard FileName.number(ofSegment: file.name) != nil, !file.name.contains("/"),
                SHA256.Digest(text: file.sha256) != nil,
                (1...Int(UInt32.max)).contains(file.rowCount)
            else { throw DatabaseError(.corruption, "\(path): file `\(file.name)`") }
            count += file.rowCount
        }
        guard count == pointCount, Set(segments.map(\.name)).count == segments.count else {
            throw DatabaseError(
                .corruption, "\(path): \(pointCount) points in files of \(count) rows")
        }
        try settings.configuration.validate()
    }

    // MARK: Files

    /// A file as it is.
    static func described(
        _ name: String, rowCount: Int, in directory: String, _ fileSystem: any FileSystem
    ) throws -> File {
        var hash = SHA256()
        let file = try fileSystem.open("\(directory)/\(name)", .read)
        let byteCount = try file.size()
        try file.forEachPiece(of: pieceByteCount) { (bytes, _) throws(StorageError) in
            hash.update(bytes)
        }
        return File(
            name: name, rowCount: rowCount, byteCount: byteCount,
            sha256: hash.digest().description)
    }

    /// Throws `.corruption`, naming the file, unless all are what they were when they were built.
    func verifyFiles(in directory: String, _ fileSystem: any FileSystem) throws {
        for file in segments {
            let path = "\(directory)/\(file.name)"
            guard try fileSystem.kind(of: path) == .file else {
                throw DatabaseError(.corruption, "\(path): the file is missing")
            }
            let found = try Self.described(
                file.name, rowCount: file.rowCount, in: directory, fileSystem)
            guard found.byteCount == file.byteCount, found.sha256 == file.sha256 else {
                throw DatabaseError(
                    .corruption,
                    "\(path): \(found.byteCount) bytes with SHA-256 \(found.sha256), expected "
                        + "\(file.byteCount) with \(file.sha256)")
            }
        }
    }
}
