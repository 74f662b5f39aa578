/// The file `DIRECTORY/APUS`, which says that a directory is a database and of which format.
///
/// Two lines of text: `apus database format <version>`, and the CRC32C of the first line with its
/// newline, as 8 hexadecimal digits.
package struct DatabaseMarker: Hashable, Sendable {
    /// Persisted.
    package static let currentVersion: UInt16 = 1
    private static let intro = "apus database format "

    package var version: UInt16

    package init(version: UInt16 = currentVersion) { self.version = version }

    /// nil: the directory has no marker. Throws `.newerFormat` and `.corrupt`.
    package static func read(
        fileSystem: any FileSystem = PosixFileSystem(), directory: String
    ) throws(StorageError) -> DatabaseMarker? {
        let path = "\(directory)/\(FileName.marker)"
        guard try fileSystem.kind(of: path) != nil else { return nil }
        let bytes = try fileSystem.read(path)
        let firstLine = String(decoding: bytes.prefix { $0 != 0x0a }, as: UTF8.self)
        guard firstLine.hasPrefix(intro), let version = UInt16(firstLine.dropFirst(intro.count)),
            DatabaseMarker(version: version).encoded() == bytes
        else {
            throw .corrupt(path, at: 0, "expected \"\(intro)<version>\" and its checksum")
        }
        guard version <= currentVersion else {
            throw .newer(path, what: "the database", found: version, known: currentVersion)
        }
        return DatabaseMarker(version: version)
    }

    /// Writes the marker so that it is durable when this returns.
    package func write(
        fileSystem: any FileSystem = PosixFileSystem(), directory: String
    ) throws(StorageError) {
        try fileSystem.replace("\(directory)/\(FileName.marker)", with: encoded())
        try fileSystem.synchronizeDirectory(directory)
    }

    func encoded() -> [UInt8] {
        let line = "\(Self.intro)\(version)\n"
        return Array("\(line)\(hexadecimal(checksum(Array(line.utf8))))\n".utf8)
    }
}
