@_exported public import ApusCore
private import ApusKernels
package import ApusStorage
private import Foundation
internal import Synchronization

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

    let context: EngineContext
    private let lock: DirectoryLock
    /// Creating, dropping and renaming happen one at a time.
    let administration = Mutex(Administration())

    struct Administration {
        var isClosed = false
        var droppedCount = 0
    }

    enum Name {
        /// Directories that are being made or removed; the next start removes them.
        static let temporaryPrefix = "."
        /// A restored collection that takes the place of the one whose name stands before it, at
        /// the latest at the next start. No collection's directory has a dot in its name.
        static let restoredSuffix = ".restored"
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
        try open(at: path, configuration: configuration, fileSystem: PosixFileSystem())
    }

    /// The same over any file system and clock: tests bring one that crashes, and one that jumps.
    package static func open(
        at path: String, configuration: EngineConfiguration, fileSystem: any FileSystem,
        now: @escaping @Sendable () -> UInt64 = SystemClock.millisecondsSince1970
    ) throws -> Database {
        do {
            try SIMDLevel.requireActive()
        } catch {
            throw DatabaseError(.invalidArgument, "\(error)")
        }
        return try DatabaseError.translating {
            try makeDirectories(path, fileSystem)
            let lock = try DirectoryLock(fileSystem: fileSystem, directory: path)
            if try DatabaseMarker.read(fileSystem: fileSystem, directory: path) == nil {
                // An earlier start may have made the directory and ended before it synced its name:
                // a power loss would take the whole database.
                try fileSystem.synchronizeDirectory(parent(of: path))
                try DatabaseMarker().write(fileSystem: fileSystem, directory: path)
            }
            let context = EngineContext(
                path: path, configuration: configuration, fileSystem: fileSystem, now: now)
            let database = Database(path: path, context: context, lock: lock)
            do {
                try database.openCollections()
            } catch {
                // Their logs must have ended before the lock goes to another.
                for collection in context.collections.values { collection.abandon() }
                database.shutDown()
                throw error
            }
            for collection in context.collections.values { collection.queueBase() }
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
        // What a process that was killed left unsynced is what this one finds and serves: a power
        // loss must not bring back a collection that readers saw gone, or take one away.
        try context.fileSystem.synchronizeDirectory(path)
        try finishRestoring()
        for name in try context.fileSystem.list(path) {
            let directory = "\(path)/\(name)"
            guard try context.fileSystem.kind(of: directory) == .directory else { continue }
            if name == Quarantine.databaseDirectoryName { continue }
            if name.hasPrefix(Name.temporaryPrefix) {
                try context.fileSystem.removeTree(directory)
            } else if let collection = CollectionFiles.collection(ofDirectory: name) {
                try openCollection(collection, directory)
            }
        }
        do {
            context.aliasMap = try readAliases()
        } catch let error as DatabaseError where error.kind == .corruption {
            let damage = DatabaseError(.corruption, "\(error.message); run `apus repair`")
            context.damagedAliases = damage
            context.reportDamage(collection: "", damage.message)
        }
    }

    /// A collection that cannot be opened because of its files does not keep the others from being
    /// served: it is listed, and every use of it says what is wrong.
    private func openCollection(_ name: String, _ directory: String) throws {
        do {
            context.register(
                try Collection.open(name: name, directory: directory, context: context))
        } catch {
            let error = DatabaseError(causedBy: error)
            guard [.corruption, .failedPrecondition, .resourceExhausted].contains(error.kind) else {
                throw error
            }
            let remedy = error.kind == .corruption ? "; run `apus repair`" : ""
            let reason = DatabaseError(
                error.kind, "collection `\(name)` is not opened: \(error.message)\(remedy)")
            context.registerUnopened(name, reason)
            context.reportDamage(collection: name, reason.message)
        }
    }

    static func makeDirectories(
        _ path: String, _ fileSystem: any FileSystem
    ) throws(StorageError) {
        guard !path.isEmpty, try fileSystem.kind(of: path) != .directory else { return }
        try makeDirectories(parent(of: path), fileSystem)
        try fileSystem.makeDirectoryIfNeeded(path)
        try fileSystem.synchronizeDirectory(parent(of: path))
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash > path.startIndex ? String(path[..<slash]) : "/"
    }

    // MARK: Collections

    /// The names of all collections, ascending; also of those that could not be opened.
    public func collectionNames() -> [String] {
        (Array(context.collections.keys) + context.unopenedCollections.keys).sorted()
    }

    public func hasCollection(_ name: String) -> Bool {
        (try? context.collection(name)) != nil || isUnopened(context.aliasMap[name] ?? name)
    }

    private func isUnopened(_ name: String) -> Bool { context.unopenedCollections[name] != nil }

    /// The collection with the name or alias.
    /// - Throws: `DatabaseError.collectionNotFound`, or what kept it from being opened
    ///   (`.corruption`; `.failedPrecondition` for a newer format).
    public func collection(_ name: String) throws -> Collection { try context.collection(name) }

    /// Makes an empty collection; it is on disk when this returns, with its card if it gets one.
    /// - Throws: `DatabaseError`: `.alreadyExists`, `.validation` naming the setting, or what
    ///   `Collection.setCard` throws of a card. Then there is no collection.
    @discardableResult
    public func createCollection(
        _ name: String, _ configuration: CollectionConfiguration, card: CollectionCard? = nil
    ) throws -> Collection {
        try Self.checkName(name, what: "Collection")
        try configuration.validate()
        let card = try card?.completed(by: configuration)
        var configuration = configuration
        let durability = context.configuration.newCollectionDurability
        if configuration.wal.durability == nil, durability != .sync {
            configuration.durability = durability
            try configuration.validate()
        }
        let collection = try administration.withLock { state in
            try Self.checkOpen(state)
            if context.collections[name] != nil || isUnopened(name) {
                throw DatabaseError.collectionExists(name)
            }
            if context.aliasMap[name] != nil {
                throw DatabaseError(
                    .alreadyExists, "Wrong input: Alias with the name `\(name)` already exists!")
            }
            return try DatabaseError.translating {
                try make(name, CollectionAttributes(configuration: configuration, card: card))
            }
        }
        collection.archiveBase()
        return collection
    }

    private func make(_ name: String, _ attributes: CollectionAttributes) throws -> Collection {
        let directoryName = CollectionFiles.directoryName(of: name)
        let temporary = "\(path)/\(Name.temporaryPrefix)\(directoryName)"
        let directory = "\(path)/\(directoryName)"
        let fileSystem = context.fileSystem
        try removeUnfinishedRestore(of: name)
        if try fileSystem.kind(of: temporary) == .directory {
            // It may be durable under its other name still, and must not come back in part.
            try fileSystem.synchronizeDirectory(path)
            try fileSystem.removeTree(temporary)
        }
        try fileSystem.makeDirectory(temporary)
        do {
            try Collection.create(attributes, in: temporary, fileSystem: fileSystem)
            try fileSystem.rename(temporary, to: directory)
        } catch {
            // What stays behind is removed at the next start.
            try? fileSystem.removeTree(temporary)
            throw error
        }
        do {
            try fileSystem.synchronizeDirectory(path)
            let collection = try Collection.open(
                name: name, directory: directory, context: context)
            context.register(collection)
            return collection
        } catch {
            do {
                try fileSystem.rename(directory, to: temporary)
            } catch {
                // It is there and cannot be used: nobody must take it for nothing.
                context.registerUnopened(name, DatabaseError(causedBy: error))
            }
            // Until the name is durably gone, a power loss may bring it back: whole, then.
            if (try? fileSystem.synchronizeDirectory(path)) != nil {
                try? fileSystem.removeTree(temporary)
            }
            throw error
        }
    }

    /// Removes a collection with all its points and aliases, also one that could not be opened.
    /// Readers that are under way finish.
    ///
    /// With an archive of the log everything acknowledged is in it before, so that the collection
    /// can be restored.
    /// - Returns: false when there is no such collection.
    /// - Throws: `DatabaseError`: also when the log cannot be archived; nothing has changed then.
    public func dropCollection(_ name: String) throws -> Bool {
        // Not under the lock, which a restore takes while this waits for it to end.
        context.collections[name]?.archiveBase()
        return try administration.withLock { state in
            try Self.checkOpen(state)
            let collection = context.collections[name]
            guard collection != nil || isUnopened(name) else { return false }
            state.droppedCount += 1
            try DatabaseError.translating {
                let fileSystem = context.fileSystem
                let dropped = "\(path)/\(Name.temporaryPrefix)dropped-\(state.droppedCount)"
                let directory = "\(path)/\(CollectionFiles.directoryName(of: name))"
                try collection?.archiveBeforeRemoval()
                do {
                    try removeUnfinishedRestore(of: name)
                    // A restore that failed may have taken it away already.
                    if try fileSystem.kind(of: directory) == .directory {
                        try fileSystem.rename(directory, to: dropped)
                    }
                } catch {
                    collection?.takeWritesAgain()
                    throw error
                }
                // Whatever fails from here on: before another collection can have the name,
                // nothing of this one may write into its directory any more.
                context.unregister(name)
                collection?.abandon()
                // From here on it is gone, also after a crash.
                try fileSystem.synchronizeDirectory(path)
                if try fileSystem.kind(of: dropped) == .directory {
                    try fileSystem.removeTree(dropped)
                }
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

    /// The collection that an alias stands for; nil: it is none.
    package func target(ofAlias name: String) -> String? { context.aliasMap[name] }

    /// Changes aliases, all or none of them.
    public func changeAliases(_ changes: [AliasChange]) throws {
        try administration.withLock { state in
            try Self.checkOpen(state)
            if let damage = context.damagedAliases { throw damage }
            var aliases = context.aliasMap
            for change in changes { try apply(change, to: &aliases) }
            try writeAliases(aliases)
        }
    }

    private func apply(_ change: AliasChange, to aliases: inout [String: String]) throws {
        switch change {
        case .create(let alias, let collection):
            try Self.checkName(alias, what: "Alias")
            guard context.collections[collection] != nil || isUnopened(collection) else {
                throw DatabaseError.collectionNotFound(collection)
            }
            guard context.collections[alias] == nil, !isUnopened(alias) else {
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
            try AliasFile(directory: path, fileSystem: context.fileSystem).write(aliases)
            context.aliasMap = aliases
        }
    }

    private func readAliases() throws -> [String: String] {
        try AliasFile(directory: path, fileSystem: context.fileSystem).read()
    }

    // MARK: Threads

    /// Runs blocking or CPU-bound work on the engine's own threads.
    public func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await context.perform(work)
    }

    /// Runs `job` on a search thread, in its turn.
    package func submitRead(_ job: @escaping @Sendable () -> Void) {
        context.searchPool.submit(job)
    }

    /// What the engine tells of its work.
    package var meters: EngineMeters { context.configuration.meters }

    /// Jobs that wait for a thread, by the threads that they wait for.
    package var queuedJobs: [(pool: String, count: Int)] {
        [
            ("search", context.searchPool.queuedCount), ("write", context.writePool.queuedCount),
            ("index", context.indexPool.queuedCount),
            ("snapshot", context.snapshotPool.queuedCount),
        ]
    }

    static func checkOpen(_ state: borrowing Administration) throws {
        if state.isClosed { throw DatabaseError(.unavailable, "the database is closed") }
    }

    /// Names become directories and parts of addresses.
    static func checkName(_ name: String, what: String) throws {
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
