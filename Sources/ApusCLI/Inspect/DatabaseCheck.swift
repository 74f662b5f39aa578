import ApusPipeline
import ApusStorage

/// Verifies a database's directory and everything in it.
struct DatabaseCheck {
    /// Each names its file, and what was expected and found there.
    private(set) var faults: [String] = []
    private(set) var collections = 0
    private(set) var segments = 0
    private(set) var logFiles = 0

    private let fileSystem = PosixFileSystem()

    /// Throws `Failure` with exit code 2 when there is nothing that could be checked: no database,
    /// or one that another process may be writing to.
    init(directory: String) throws {
        guard try fileSystem.kind(of: directory) == .directory else {
            throw Failure("\(directory): no such directory", exitCode: 2)
        }
        if let fault = try Self.checkMarker(of: directory) { faults.append(fault) }
        let lock = try Self.lock(directory)
        defer { lock?.release() }
        for name in try DatabaseOutline.collectionDirectories(of: directory) {
            checkCollection("\(directory)/\(name)")
        }
        try checkAliases(of: directory)
    }

    /// What is wrong with the file that makes a directory a database; nil: nothing.
    private static func checkMarker(of directory: String) throws -> String? {
        let marker: DatabaseMarker?
        do throws(StorageError) {
            marker = try DatabaseMarker.read(directory: directory)
        } catch {
            guard error.kind == .corrupt else { throw Failure("\(error)", exitCode: 2) }
            return error.description
        }
        guard marker == nil else { return nil }
        throw Failure(
            "\(directory): no database (it has no file \(FileName.marker))", exitCode: 2)
    }

    /// nil where the directory cannot be written, and therefore nobody writes.
    private static func lock(_ directory: String) throws -> DirectoryLock? {
        do throws(StorageError) {
            return try DirectoryLock(directory: directory)
        } catch {
            switch error.kind {
            case .readOnly: return nil
            default: throw Failure("\(error)", exitCode: 2)
            }
        }
    }

    private mutating func checkCollection(_ path: String) {
        collections += 1
        do throws(StorageError) {
            guard let manifest = try ManifestStore(directory: path).read() else {
                faults.append("\(path): expected a manifest, found none")
                return
            }
            segments += manifest.segments.count
            let names = try fileSystem.list("\(path)/\(FileName.walDirectory)")
            logFiles += names.count { FileName.firstSequenceNumber(ofWAL: $0) != nil }
        } catch {
            // The check below tells it, with everything else.
        }
        faults += StorageCheck.collection(directory: path).map(\.description)
    }

    /// Aliases must be JSON, and stand for collections that are there.
    private mutating func checkAliases(of directory: String) throws {
        let path = "\(directory)/ALIASES"
        guard try fileSystem.kind(of: path) == .file else { return }
        do {
            guard case .object(let aliases) = try JSONParser.value(in: fileSystem.read(path))
            else {
                faults.append("\(path): expected a JSON object, found another value")
                return
            }
            let names = Set(
                try DatabaseOutline.collectionDirectories(of: directory)
                    .map(DatabaseOutline.collectionName))
            for (alias, value) in aliases.sorted(by: { $0.key < $1.key }) {
                if case .string(let collection) = value, names.contains(collection) { continue }
                faults.append("\(path): alias '\(alias)' stands for no collection")
            }
        } catch let error as MalformedJSON {
            faults.append(
                "\(path), byte \(error.offset): expected \(error.expected), found \(error.found)")
        }
    }
}
