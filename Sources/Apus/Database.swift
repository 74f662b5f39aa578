@_exported public import ApusCore
private import ApusKernels
private import ApusStorage
private import Foundation
private import Synchronization

/// A directory of collections, open in this process.
///
/// ```swift
/// let database = try Database.open(at: "data")
/// let books = try database.createCollection(
///     "books", CollectionConfiguration(dimension: 3, metric: .cosine))
/// try await books.upsert([
///     Point(id: 1, vector: [0.1, 0.9, 0.2], payload: ["title": "Walden", "year": 1854])
/// ])
/// let found = try await books.query(QueryRequest(nearest: [0, 1, 0], limit: 10))
/// try database.close()
/// ```
///
/// One process at a time has a database open. All methods may be called from any thread.
public final class Database: Sendable {
    /// The directory.
    public let path: String

    private let context: EngineContext
    private let lock: DirectoryLock
    /// Creating, dropping and renaming happen one at a time.
    private let administration = Mutex(Administration())

    private struct Administration {
        var isClosed = false
        var droppedCount = 0
    }

    private enum Name {
        static let aliases = "ALIASES"
        /// Directories that are being made or removed; the next start removes them.
        static let temporaryPrefix = "."
    }

    private init(path: String, context: EngineContext, lock: DirectoryLock) {
        self.path = path
        self.context = context
        self.lock = lock
    }

    // MARK: Opening and closing

    /// Opens the database in a directory, which is made if it is not there.
    ///
    /// Returns as soon as every point can be found; graphs of points that were still in the log are
    /// built in the background.
    /// - Throws: `DatabaseError`: `.unavailable` when another process has it open or the directory
    ///   cannot be written, `.failedPrecondition` for a newer format, `.corruption` with the file
    ///   and place of the damage, `.outOfSpace`.
    public static func open(
        at path: String, configuration: EngineConfiguration = EngineConfiguration()
    ) throws -> Database {
        do {
            try SIMDLevel.requireActive()
        } catch {
            throw DatabaseError(.invalidArgument, "\(error)")
        }
        return try DatabaseError.translating {
            let fileSystem = PosixFileSystem()
            try makeDirectories(path, fileSystem)
            let lock = try DirectoryLock(fileSystem: fileSystem, directory: path)
            if try DatabaseMarker.read(fileSystem: fileSystem, directory: path) == nil {
                try DatabaseMarker().write(fileSystem: fileSystem, directory: path)
            }
            let context = EngineContext(configuration: configuration, fileSystem: fileSystem)
            let database = Database(path: path, context: context, lock: lock)
            do {
                try database.openCollections()
            } catch {
                database.shutDown()
                throw error
            }
            return database
        }
    }

    /// Waits for writes under way, writes what makes the next start quick, and lets other processes
    /// open the directory. Everything acknowledged is on disk before this, with or without it.
    /// Calling it again does nothing.
    public func close() throws {
        let isFirst = administration.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        var failure: (any Error)?
        for collection in context.collections.values {
            do { try collection.close() } catch { failure = failure ?? error }
        }
        shutDown()
        if let failure { throw DatabaseError(causedBy: failure) }
    }

    private func shutDown() {
        context.shutDown()
        lock.release()
    }

    private func openCollections() throws {
        for name in try context.fileSystem.list(path) {
            let directory = "\(path)/\(name)"
            guard try context.fileSystem.kind(of: directory) == .directory else { continue }
            if name.hasPrefix(Name.temporaryPrefix) {
                try context.fileSystem.removeTree(directory)
            } else if let collection = CollectionFiles.collection(ofDirectory: name) {
                context.register(
                    try Collection.open(name: collection, directory: directory, context: context))
            }
        }
        context.aliasMap = try readAliases()
    }

    private static func makeDirectories(
        _ path: String, _ fileSystem: any FileSystem
    ) throws(StorageError) {
        guard !path.isEmpty, try fileSystem.kind(of: path) != .directory else { return }
        if let slash = path.lastIndex(of: "/"), slash > path.startIndex {
            try makeDirectories(String(path[..<slash]), fileSystem)
        }
        try fileSystem.makeDirectoryIfNeeded(path)
    }

    // MARK: Collections

    /// The names of all collections, ascending.
    public func collectionNames() -> [String] { context.collections.keys.sorted() }

    public func hasCollection(_ name: String) -> Bool {
        (try? context.collection(name)) != nil
    }

    /// The collection with the name or alias.
    /// - Throws: `DatabaseError.collectionNotFound`.
    public func collection(_ name: String) throws -> Collection { try context.collection(name) }

    /// Makes an empty collection; it is on disk when this returns.
    /// - Throws: `DatabaseError`: `.alreadyExists`, or `.validation` naming the setting.
    @discardableResult
    public func createCollection(
        _ name: String, _ configuration: CollectionConfiguration
    ) throws -> Collection {
        try Self.checkName(name, what: "Collection")
        try configuration.validate()
        return try administration.withLock { state in
            try Self.checkOpen(state)
            if context.collections[name] != nil { throw DatabaseError.collectionExists(name) }
            if context.aliasMap[name] != nil {
                throw DatabaseError(
                    .alreadyExists, "Wrong input: Alias with the name `\(name)` already exists!")
            }
            return try DatabaseError.translating { try make(name, configuration) }
        }
    }

    private func make(_ name: String, _ configuration: CollectionConfiguration) throws -> Collection
    {
        let directoryName = CollectionFiles.directoryName(of: name)
        let temporary = "\(path)/\(Name.temporaryPrefix)\(directoryName)"
        let directory = "\(path)/\(directoryName)"
        let fileSystem = context.fileSystem
        if try fileSystem.kind(of: temporary) == .directory { try fileSystem.removeTree(temporary) }
        try fileSystem.makeDirectory(temporary)
        do {
            try Collection.create(
                CollectionAttributes(configuration: configuration), in: temporary,
                fileSystem: fileSystem)
            try fileSystem.rename(temporary, to: directory)
        } catch {
            // What stays behind is removed at the next start.
            try? fileSystem.removeTree(temporary)
            throw error
        }
        try fileSystem.synchronizeDirectory(path)
        let collection = try Collection.open(name: name, directory: directory, context: context)
        context.register(collection)
        return collection
    }

    /// Removes a collection with all its points and aliases. Readers that are under way finish.
    /// - Returns: false when there is no such collection.
    public func dropCollection(_ name: String) throws -> Bool {
        try administration.withLock { state in
            try Self.checkOpen(state)
            guard let collection = context.collections[name] else { return false }
            state.droppedCount += 1
            try DatabaseError.translating {
                let fileSystem = context.fileSystem
                let dropped = "\(path)/\(Name.temporaryPrefix)dropped-\(state.droppedCount)"
                try fileSystem.rename(collection.files.directory, to: dropped)
                // From here on it is gone, also after a crash.
                context.unregister(name)
                try fileSystem.synchronizeDirectory(path)
                collection.abandon()
                try fileSystem.removeTree(dropped)
            }
            let aliases = context.aliasMap.filter { $0.value != name }
            if aliases.count != context.aliasMap.count { try writeAliases(aliases) }
            return true
        }
    }

    // MARK: Aliases

    /// All aliases and the collections that they stand for, ascending.
    public func aliases() -> [(alias: String, collection: String)] {
        context.aliasMap.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// Changes aliases, all or none of them.
    public func changeAliases(_ changes: [AliasChange]) throws {
        try administration.withLock { state in
            try Self.checkOpen(state)
            var aliases = context.aliasMap
            for change in changes { try apply(change, to: &aliases) }
            try writeAliases(aliases)
        }
    }

    private func apply(_ change: AliasChange, to aliases: inout [String: String]) throws {
        switch change {
        case .create(let alias, let collection):
            try Self.checkName(alias, what: "Alias")
            guard context.collections[collection] != nil else {
                throw DatabaseError.collectionNotFound(collection)
            }
            guard context.collections[alias] == nil else {
                throw DatabaseError.collectionExists(alias)
            }
            aliases[alias] = collection
        case .delete(let alias):
            aliases[alias] = nil
        case .rename(let old, let new):
            try Self.checkName(new, what: "Alias")
            guard let collection = aliases.removeValue(forKey: old) else {
                throw DatabaseError(.notFound, "Not found: Alias \(old) does not exists!")
            }
            aliases[new] = collection
        }
    }

    private func writeAliases(_ aliases: [String: String]) throws {
        try DatabaseError.translating {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            try context.fileSystem.replace(
                "\(path)/\(Name.aliases)", with: [UInt8](try encoder.encode(aliases)))
            try context.fileSystem.synchronizeDirectory(path)
            context.aliasMap = aliases
        }
    }

    private func readAliases() throws -> [String: String] {
        let file = "\(path)/\(Name.aliases)"
        guard try context.fileSystem.kind(of: file) == .file else { return [:] }
        do {
            let bytes = try context.fileSystem.read(file)
            return try JSONDecoder().decode([String: String].self, from: Data(bytes))
        } catch let error as DecodingError {
            throw DatabaseError(.corruption, "\(file): \(error)")
        }
    }

    // MARK: Threads

    /// Runs blocking or CPU-bound work on the engine's own threads.
    public func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await context.perform(work)
    }

    private static func checkOpen(_ state: borrowing Administration) throws {
        if state.isClosed { throw DatabaseError(.unavailable, "the database is closed") }
    }

    /// Names become directories and parts of addresses.
    private static func checkName(_ name: String, what: String) throws {
        let invalid: Set<Character> = [
            "<", ">", ":", "\"", "/", "\\", "|", "?", "*", "\0", "\u{1F}",
        ]
        if let character = name.first(where: { invalid.contains($0) }) {
            throw DatabaseError(
                .validation,
                "Validation error: \(what) name `\(name)` contains the character `\(character)`")
        }
        guard name != ".", name != ".." else {
            throw DatabaseError(
                .validation, "Validation error: \(what) name `\(name)` is a way, not a name")
        }
        guard !name.isEmpty, CollectionFiles.directoryName(of: name).utf8.count <= 240 else {
            throw DatabaseError(
                .validation,
                "Validation error: \(what) name must have between 1 and 240 bytes, each other than "
                    + "letters, digits, `-` and `_` counting three times")
        }
    }
}

/// One change to the aliases of a database.
public enum AliasChange: Hashable, Sendable {
    /// Makes the alias stand for the collection, whatever it stood for before.
    case create(alias: String, collection: String)
    case delete(alias: String)
    case rename(from: String, to: String)
}
