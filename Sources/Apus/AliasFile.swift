internal import ApusCore
internal import ApusStorage
private import Foundation

/// The file `DIR/ALIASES`: names that stand for collections, as a JSON object on one line, and a
/// second line with its CRC32C as 8 hexadecimal digits. Files of earlier versions have the first
/// line only, without a newline.
struct AliasFile {
    let path: String
    private let directory: String
    private let fileSystem: any FileSystem

    init(directory: String, fileSystem: any FileSystem) {
        self.directory = directory
        self.fileSystem = fileSystem
        path = "\(directory)/ALIASES"
    }

    /// Throws `.corruption`.
    func read() throws -> [String: String] {
        guard try fileSystem.kind(of: path) == .file else { return [:] }
        let bytes = try fileSystem.read(path)
        let json = bytes.prefix { $0 != UInt8(ascii: "\n") }
        // JSON escapes newlines, so the first one ends it.
        if json.count < bytes.count, Self.encoded(Array(json)) != bytes {
            throw DatabaseError(
                .corruption, "\(path): the aliases do not fit the checksum behind them")
        }
        do {
            return try JSONDecoder().decode([String: String].self, from: Data(json))
        } catch {
            throw DatabaseError(.corruption, "\(path): \(error)")
        }
    }

    /// Durable when it returns.
    func write(_ aliases: [String: String]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        try fileSystem.replace(
            path, with: Self.encoded([UInt8](try encoder.encode(aliases))))
        try fileSystem.synchronizeDirectory(directory)
    }

    private static func encoded(_ json: [UInt8]) -> [UInt8] {
        json + Array("\n\(hexadecimal(checksum(json)))\n".utf8)
    }
}
