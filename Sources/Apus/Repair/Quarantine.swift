internal import ApusStorage

/// Where a repair puts files that it replaces: `DIR/<collection>/quarantine`. Nothing is deleted
/// before it has a name there, and nothing is ever taken out of it.
struct Quarantine {
    static let directoryName = "quarantine"

    let directory: String
    private let fileSystem: any FileSystem

    init(of collection: String, _ fileSystem: any FileSystem) {
        directory = "\(collection)/\(Self.directoryName)"
        self.fileSystem = fileSystem
    }

    /// For files outside of collections. Opening leaves the directory alone; its name has a dot
    /// inside, which no collection's has.
    static let databaseDirectoryName = ".quarantine.d"

    init(ofDatabase path: String, _ fileSystem: any FileSystem) {
        directory = "\(path)/\(Self.databaseDirectoryName)"
        self.fileSystem = fileSystem
    }

    /// Gives a file a second name in the quarantine. Durable when it returns. A file that was put
    /// there by a repair that did not come to its end is there twice.
    func keep(_ path: String) throws {
        guard try fileSystem.kind(of: path) == .file else { return }
        try prepare()
        let name = path.split(separator: "/").last.map(String.init) ?? path
        try fileSystem.link(path, to: try freePath(name))
        try fileSystem.synchronizeDirectory(directory)
    }

    /// Writes a report; durable when it returns.
    func write(_ bytes: [UInt8], name: String) throws {
        try prepare()
        try fileSystem.replace(try freePath(name), with: bytes)
        try fileSystem.synchronizeDirectory(directory)
    }

    private func prepare() throws {
        if try fileSystem.kind(of: directory) != .directory {
            try fileSystem.makeDirectory(directory)
        }
        // Also one that is there: a repair that was cut off may not have come to this.
        try fileSystem.synchronizeDirectory(FileName.parent(of: directory))
    }

    private func freePath(_ name: String) throws -> String {
        var path = "\(directory)/\(name)"
        var number = 1
        while try fileSystem.kind(of: path) != nil {
            path = "\(directory)/\(name).\(number)"
            number += 1
        }
        return path
    }
}
