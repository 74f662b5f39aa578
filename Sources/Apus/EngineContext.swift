internal import ApusCore
internal import ApusKernels
internal import ApusStorage
private import Synchronization

/// What the collections of a database share: threads, the file system, and the way to each other.
final class EngineContext: Sendable {
    let configuration: EngineConfiguration
    let fileSystem: any FileSystem
    let searchPool: WorkerPool
    let writePool: WorkerPool
    let indexPool: WorkerPool
    private let registry = Mutex<[String: Collection]>([:])
    private let aliases = Mutex<[String: String]>([:])

    init(configuration: EngineConfiguration, fileSystem: any FileSystem) {
        self.configuration = configuration
        self.fileSystem = fileSystem
        searchPool = WorkerPool(name: "apus-search", threadCount: configuration.searchThreads)
        writePool = WorkerPool(name: "apus-write", threadCount: configuration.writeThreads)
        indexPool = WorkerPool(name: "apus-index", threadCount: configuration.indexThreads)
    }

    /// Runs blocking or CPU-bound work on the search threads.
    func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            searchPool.submit { continuation.resume(with: Result(catching: work)) }
        }
    }

    // MARK: Names

    /// The collection with the name or alias.
    func collection(_ name: String) throws -> Collection {
        let target = aliases.withLock { $0[name] } ?? name
        guard let collection = registry.withLock({ $0[target] }) else {
            throw DatabaseError.collectionNotFound(name)
        }
        return collection
    }

    var collections: [String: Collection] { registry.withLock { $0 } }

    func register(_ collection: Collection) {
        registry.withLock { $0[collection.name] = collection }
    }

    func unregister(_ name: String) {
        registry.withLock { $0[name] = nil }
    }

    var aliasMap: [String: String] {
        get { aliases.withLock { $0 } }
        set { aliases.withLock { $0 = newValue } }
    }

    // MARK: Segments

    /// A new segment for rows to come. Its memory is reserved, not used.
    func makeGrowingSegment(
        number: UInt64, configuration: CollectionConfiguration
    ) throws -> GrowingSegment {
        let bytesPerRow = configuration.vectors.values.reduce(0) { sum, field in
            sum + (field.isMultiVector ? 0 : field.dimension * MemoryLayout<Float>.size)
        }
        let byBytes = self.configuration.segmentBytesMax / max(1, bytesPerRow)
        do {
            return try GrowingSegment(
                number: number, configuration: configuration,
                capacity: max(1_024, min(self.configuration.segmentRowsMax, byBytes)),
                blobByteCapacity: self.configuration.segmentBytesMax)
        } catch {
            throw DatabaseError(
                .resourceExhausted, "no address space for a new segment: \(error)")
        }
    }

    func shutDown() {
        searchPool.shutdown()
        writePool.shutdown()
        indexPool.shutdown()
    }
}
