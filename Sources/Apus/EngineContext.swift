internal import ApusCore
internal import ApusKernels
internal import ApusQuery
internal import ApusStorage
internal import Synchronization

/// What the collections of a database share: threads, the file system, and the way to each other.
final class EngineContext: Sendable {
    let configuration: EngineConfiguration
    let fileSystem: any FileSystem
    /// For work that frees space on a full disk; taken once there are segment files.
    let reserve: ReservedSpace
    /// The time in milliseconds since 1970.
    let now: @Sendable () -> UInt64
    /// Where snapshots are kept.
    let snapshots: SnapshotStore
    /// Where logs are archived; nil: nowhere.
    let archive: (any BlobStore)?
    /// The database's directory.
    let path: String
    /// Held by whoever makes, deletes or restores a snapshot.
    let snapshotWork = Mutex(())
    /// Runs that work for `async` callers: it takes long, and searches must not wait for it.
    let snapshotPool = WorkerPool(name: "apus-snapshot", threadCount: 1)
    let searchPool: WorkerPool
    let writePool: WorkerPool
    let indexPool: WorkerPool
    let compaction: CompactionThreads
    let memory: MemoryAccount
    let recallBudget: RecallBudget
    private let isShutDown = Atomic(false)
    private let registry = Mutex<[String: Collection]>([:])
    private let unopened = Mutex<[String: DatabaseError]>([:])
    private let aliases = Mutex<[String: String]>([:])
    private let aliasDamage = Mutex<DatabaseError?>(nil)

    init(
        path: String, configuration: EngineConfiguration, fileSystem: any FileSystem,
        now: @escaping @Sendable () -> UInt64
    ) {
        self.configuration = configuration
        self.fileSystem = fileSystem
        memory = MemoryAccount(limit: configuration.memoryLimitBytes)
        reserve = ReservedSpace(
            fileSystem: fileSystem, directory: path,
            byteCount: UInt64(max(0, configuration.reservedBytes)))
        self.now = now
        recallBudget = RecallBudget(share: configuration.recallObservation.processorShare)
        self.path = path
        let directory =
            configuration.snapshotDirectory ?? "\(path)/\(SnapshotStore.directoryName)"
        snapshots = SnapshotStore(
            blobs: LocalBlobStore(fileSystem: fileSystem, directory: directory))
        archive = configuration.archiveDirectory.map {
            LocalBlobStore(fileSystem: fileSystem, directory: $0)
        }
        searchPool = WorkerPool(name: "apus-search", threadCount: configuration.searchThreads)
        // Less than index threads: what waits for an acknowledgement comes first.
        writePool = WorkerPool(
            name: "apus-write", threadCount: configuration.writeThreads,
            niceness: configuration.indexNiceness / 2)
        indexPool = WorkerPool(
            name: "apus-index", threadCount: configuration.indexThreads,
            niceness: configuration.indexNiceness)
        indexPool.submit { CostModel.measure() }
        compaction = CompactionThreads(configuration)
        compaction.startTimer { [weak self] in
            for collection in self?.collections.values.map({ $0 }) ?? [] {
                collection.lookAtTime()
            }
        }
    }

    /// Runs blocking or CPU-bound work on the search threads.
    ///
    /// Work that is due before its turn comes, or whose task was cancelled by then, is not begun; a
    /// read that runs ends when it is.
    func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        let interruption = Interruption.current ?? Interruption()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                searchPool.submit {
                    continuation.resume(
                        with: Result {
                            try interruption.check()
                            return try Interruption.$current.withValue(
                                interruption, operation: work)
                        })
                }
            }
        } onCancel: {
            interruption.cancel()
        }
    }

    /// Tells whoever wants to know.
    func reportDamage(collection: String, _ damage: String) {
        configuration.onDamage?(collection, damage)
    }

    /// The same for snapshots, one after the other.
    func performSnapshotWork<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            snapshotPool.submit { continuation.resume(with: Result(catching: work)) }
        }
    }

    // MARK: Names

    /// The collection with the name or alias.
    func collection(_ name: String) throws -> Collection {
        let target = aliases.withLock { $0[name] } ?? name
        if let collection = registry.withLock({ $0[target] }) { return collection }
        if isShutDown.load(ordering: .acquiring) {
            throw DatabaseError(.unavailable, "the database is closed")
        }
        // Without its aliases the database cannot say what a name does not mean.
        throw unopened.withLock { $0[target] } ?? damagedAliases
            ?? DatabaseError.collectionNotFound(name)
    }

    var collections: [String: Collection] { registry.withLock { $0 } }

    func register(_ collection: Collection) {
        registry.withLock { $0[collection.name] = collection }
    }

    func unregister(_ name: String) {
        registry.withLock { $0[name] = nil }
        unopened.withLock { $0[name] = nil }
    }

    /// Collections that are there and could not be opened, with the reason.
    var unopenedCollections: [String: DatabaseError] { unopened.withLock { $0 } }

    func registerUnopened(_ name: String, _ reason: DatabaseError) {
        unopened.withLock { $0[name] = reason }
    }

    /// Why the aliases are not known; nil: they are.
    var damagedAliases: DatabaseError? {
        get { aliasDamage.withLock { $0 } }
        set { aliasDamage.withLock { $0 = newValue } }
    }

    var aliasMap: [String: String] {
        get { aliases.withLock { $0 } }
        set { aliases.withLock { $0 = newValue } }
    }

    // MARK: Segments

    /// Whether there is a bound on the memory of a collection.
    func boundsMemory(of configuration: CollectionConfiguration) -> Bool {
        memory.limit != nil || configuration.optimizers.memoryBudgetBytes != nil
    }

    /// A new segment for rows to come. Its memory is reserved, not used.
    func makeGrowingSegment(
        number: UInt64, configuration: CollectionConfiguration, rowsAtLeast: Int = 0,
        blobBytesAtLeast: Int = 0
    ) throws -> GrowingSegment {
        do {
            return try GrowingSegment(
                number: number, configuration: configuration,
                capacity: max(rowCapacity(of: configuration), rowsAtLeast),
                blobByteCapacity: max(self.configuration.segmentBytesMax, blobBytesAtLeast))
        } catch {
            throw DatabaseError(
                .resourceExhausted, "no address space for a new segment: \(error)")
        }
    }

    /// Rows that a segment of such a collection may have.
    func rowCapacity(of configuration: CollectionConfiguration) -> Int {
        let byBytes = self.configuration.segmentBytesMax / configuration.denseBytesPerRow
        return min(self.configuration.segmentRowsMax, max(1_024, byBytes))
    }

    /// Ends the threads and lets go of the collections: they hold this context, so nothing of a
    /// closed database would ever be freed otherwise.
    func shutDown() {
        isShutDown.store(true, ordering: .releasing)
        compaction.shutDown()
        searchPool.shutdown()
        writePool.shutdown()
        indexPool.shutdown()
        snapshotPool.shutdown()
        registry.withLock { $0 = [:] }
    }
}

extension CollectionConfiguration {
    /// Bytes of a row's dense vectors, at least 1.
    var denseBytesPerRow: Int {
        max(
            1,
            vectors.values.reduce(0) { sum, field in
                sum + (field.isMultiVector ? 0 : field.vectorByteCount)
            })
    }
}
