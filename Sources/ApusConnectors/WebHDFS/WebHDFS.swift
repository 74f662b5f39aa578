internal import ApusCore
internal import ApusPipeline

/// The files below a folder of HDFS, by WebHDFS: what the name node answers itself, and what it sends
/// to a data node for, which the client follows.
struct WebHDFS: ObjectStore {
    private let service: HTTPService
    /// `/` at its begin, none at its end.
    private let root: String
    private let parameters: String

    /// Files of a page.
    private static let pageSize = 1_000
    private static let depthMax = 64

    init(_ settings: WebHDFSOrigin.Settings) throws(StageError) {
        var service = HTTPService(stage: "source", base: settings.url)
        service.answerBytesMax = settings.fileBytesMax + (64 << 20)
        self.service = service
        root = "/" + settings.path.split(separator: "/").joined(separator: "/")
        // A delegation token says who asks; without security the name alone does.
        if let token = settings.token {
            parameters = "&delegation=\(AWSSignature.percentEncoded(try token.value()))"
        } else {
            parameters = settings.user.map { "&user.name=\(AWSSignature.percentEncoded($0))" } ?? ""
        }
    }

    var name: String { root }

    func objects(behind key: String?) async throws -> [StoredObject] {
        var objects: [StoredObject] = []
        try await list(
            "", behind: key.map { $0.split(separator: "/").map(String.init) }, &objects, 0)
        return objects
    }

    func content(of object: StoredObject) async throws -> [UInt8] {
        try await get(object.key, "OPEN")
    }

    func content(of object: StoredObject, at offset: Int, count: Int) async throws -> [UInt8] {
        try await get(object.key, "OPEN&offset=\(offset)&length=\(count)")
    }

    // MARK: Listings

    private enum Entry {
        case file(StoredObject)
        case folder(String)
    }

    /// Adds files below a folder, in the order of names within each folder, until a page is full.
    /// `last` is the rest of the path of the last one that was read, where that is in this folder.
    private func list(
        _ folder: String, behind last: [String]?, _ objects: inout [StoredObject], _ depth: Int
    ) async throws {
        guard depth <= Self.depthMax else {
            throw StageError(
                .fatal, stage: "source",
                "\(root)/\(folder): more than \(Self.depthMax) folders deep")
        }
        for (name, entry) in try await entries(of: folder) {
            guard objects.count < Self.pageSize else { return }
            var behind: [String]?
            if let first = last?.first {
                if name < first { continue }
                if name == first { behind = Array(last?.dropFirst() ?? []) }
            }
            switch entry {
            case .file(let object): if behind == nil { objects.append(object) }
            case .folder(let path):
                // A file that has become a folder since begins anew.
                let rest = behind.flatMap { $0.isEmpty ? nil : $0 }
                try await list(path, behind: rest, &objects, depth + 1)
            }
        }
    }

    private func entries(of folder: String) async throws -> [(name: String, entry: Entry)] {
        let answer = try await get(folder, "LISTSTATUS")
        guard case .object(let top)? = try? JSONParser.value(in: answer),
            case .object(let statuses)? = top["FileStatuses"],
            case .array(let list)? = statuses["FileStatus"]
        else {
            throw StageError(
                .transient(after: nil), stage: "source",
                "\(service.base) gave no listing of \(root)/\(folder)")
        }
        return try list.compactMap { status -> (name: String, entry: Entry)? in
            guard case .object(let status) = status, case .string(let name)? = status["pathSuffix"]
            else { return nil }
            guard !name.isEmpty else {
                // The listing of a file is itself, without a name.
                throw StageError(.fatal, stage: "source", "\(root)/\(folder) is no folder")
            }
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            // What begins so is under way, or a mark of the program that wrote the others.
            if name.hasPrefix("_") || name.hasPrefix(".") { return nil }
            switch status["type"] {
            case .string("DIRECTORY"): return (name, .folder(path))
            case .string("FILE"):
                guard case .integer(let size)? = status["length"], size >= 0 else { return nil }
                var modified: Int64?
                if case .integer(let time)? = status["modificationTime"] { modified = time }
                return (
                    name,
                    .file(
                        StoredObject(
                            key: path, size: Int(size), etag: "\(size)-\(modified ?? 0)",
                            modified: modified))
                )
            default: return nil
            }
        }
        .sorted { $0.name < $1.name }
    }

    private func get(_ key: String, _ operation: String) async throws -> [UInt8] {
        let path = key.isEmpty ? root : root == "/" ? "/\(key)" : "\(root)/\(key)"
        let encoded = AWSSignature.percentEncoded(path, keepingSlashes: true)
        let address = "/webhdfs/v1\(encoded)?op=\(operation)\(parameters)"
        do throws(StageError) {
            return try await service.call(.get, address).body
        } catch {
            // Of two name nodes the one that is not active says so; it may be soon.
            guard error.message.contains("StandbyException") else { throw error }
            throw StageError(.transient(after: nil), stage: error.stage, error.message)
        }
    }
}
