internal import ApusCore
private import ApusKernels
internal import ApusStorage
private import Foundation

/// What a snapshot consists of: for each collection its files, by content. docs/format.md has its
/// text ("Snapshots").
struct SnapshotRecord: Codable, Sendable {
    static let formatVersion = 1
    /// The record's name in an archive, as the first entry.
    static let fileName = "snapshot.json"
    /// Of its text, at most.
    static let byteCountMax: UInt64 = 64 << 20

    struct File: Codable, Hashable, Sendable {
        /// Below the collection's directory.
        var name: String
        var byteCount: UInt64
        var sha256: String
        var crc32c: UInt32
    }

    struct Part: Codable, Sendable {
        var collection: String
        /// The last batch that is in it.
        var sequenceNumber: UInt64
        /// No batch in it was written after this: milliseconds since 1970.
        var time: UInt64
        /// Whose batches these are: numbers of different logs have nothing to do with each other.
        var log: String
        var files: [File]
    }

    struct Archive: Codable, Sendable {
        var byteCount: UInt64
        var sha256: String
    }

    var formatVersion = Self.formatVersion
    var name: String
    /// Milliseconds since 1970.
    var createdAt: UInt64
    var collections: [Part]
    /// Of the whole database; nil in a snapshot of one collection.
    var aliases: [String: String]?
    /// Not in the record that is inside of the archive.
    var archive: Archive?
}

extension SnapshotRecord.Part {
    /// The directory of its files in an archive, and the place for them in a database.
    var directory: String { CollectionFiles.directoryName(of: collection) }
}

extension SnapshotRecord {
    var description: SnapshotDescription {
        SnapshotDescription(
            name: name, creationTime: Timestamp(milliseconds: createdAt),
            byteCount: archive?.byteCount ?? 0, checksum: archive?.sha256 ?? "",
            sequenceNumbers: Dictionary(
                collections.map { ($0.collection, SequenceNumber($0.sequenceNumber)) },
                uniquingKeysWith: { first, _ in first }))
    }

    /// JSON on one line, and a line with its checksum.
    func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let line = [UInt8](try encoder.encode(self)) + [0x0a]
        return line + Array((Self.checksum(line) + "\n").utf8)
    }

    /// Throws `.corruption` and, for a later format, `.failedPrecondition`.
    init(decoding bytes: [UInt8], path: String) throws {
        let line = bytes.prefix { $0 != 0x0a } + [0x0a]
        guard Array((Self.checksum(Array(line)) + "\n").utf8) == Array(bytes.dropFirst(line.count))
        else {
            throw DatabaseError(
                .corruption, "\(path): the record of the snapshot does not have its checksum")
        }
        do {
            let version = try JSONDecoder().decode(Version.self, from: Data(line)).formatVersion
            guard version <= Self.formatVersion else {
                throw DatabaseError(
                    .failedPrecondition,
                    "\(path): the snapshot has format version \(version); this program knows "
                        + "versions up to \(Self.formatVersion)")
            }
            self = try JSONDecoder().decode(SnapshotRecord.self, from: Data(line))
        } catch let error as DecodingError {
            throw DatabaseError(.corruption, "\(path): the record of the snapshot: \(error)")
        }
        try check(path: path)
    }

    private struct Version: Codable { var formatVersion: Int }

    /// Names become paths, so they are looked at before anything is done.
    private func check(path: String) throws {
        func refuse(_ what: String) -> DatabaseError {
            DatabaseError(.corruption, "\(path): the record of the snapshot: \(what)")
        }
        var directories: Set<String> = []
        for part in collections {
            guard RelativePath(part.directory) != nil, directories.insert(part.directory).inserted
            else { throw refuse("collection `\(part.collection)`") }
            guard part.sequenceNumber < 1 << 62 else { throw refuse("\(part.sequenceNumber)") }
            var names: Set<String> = []
            for file in part.files {
                guard RelativePath("\(part.directory)/\(file.name)") != nil,
                    names.insert(file.name).inserted, SHA256.Digest(text: file.sha256) != nil
                else { throw refuse("file `\(file.name)`") }
            }
        }
    }

    private static func checksum(_ line: [UInt8]) -> String {
        let digits = String(CRC32C.checksum(of: line), radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension Timestamp {
    init(milliseconds: UInt64) {
        self.init(microseconds: Int64(clamping: min(milliseconds, 1 << 50) * 1000))
    }

    /// Since 1970; 0 for earlier times.
    var milliseconds: UInt64 { UInt64(max(0, microseconds / 1000)) }
}
