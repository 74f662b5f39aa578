public import ApusCore

#if canImport(Glibc)
private import Glibc
#elseif canImport(Darwin)
private import Darwin
#endif

/// How an engine uses the machine; nothing here changes what is on disk.
public struct EngineConfiguration: Sendable {
    /// Threads that run searches and other reads of `async` callers.
    public var searchThreads: Int
    /// Threads that insert vectors into graphs, and write segment files.
    public var indexThreads: Int
    /// Bytes of disk kept back for the database, so that on a full disk deleted points can still
    /// be turned into free space; never more than an eighth of what is free. 0: none.
    public var reservedBytes: Int
    /// How far index threads stand back when searches want the cores, 0…19 (`nice`); write threads
    /// stand back half as far.
    public var indexNiceness: Int
    /// Threads that validate and apply the writes of `async` callers.
    public var writeThreads: Int
    /// Rows, and bytes of their vectors, that may wait for their graph. Searches scan them exactly,
    /// so the bounds keep search latency bounded; a write that would pass one waits.
    public var unindexedRowsMax: Int
    public var unindexedBytesMax: Int
    /// Rows that come into the graphs of a growing segment before these are written down again, so
    /// that a start after a crash does not have to build them anew.
    public var checkpointRowsMin: Int
    /// Rows after which a growing segment is sealed and written as a file.
    public var segmentRowsMax: Int
    /// Bytes of vectors after which a growing segment is sealed, whichever comes first.
    public var segmentBytesMax: Int
    /// A growing segment with at least this many rows becomes a file when the database closes;
    /// a smaller one stays in the log and is read from there at the next start.
    public var sealOnCloseRowsMin: Int
    /// What acknowledgements promise in new collections that do not say it themselves.
    public var newCollectionDurability: Durability
    /// Bytes of memory that all collections together may use; a write that would pass it is
    /// refused. nil: no bound. A collection can have its own
    /// (`OptimizersConfiguration.memoryBudgetBytes`).
    public var memoryLimitBytes: Int?
    /// Versions of one collection that are kept for readers who asked for it; the one not used for
    /// longest goes first. A version is small itself, but the segments that it shows stay.
    public var versionsKeptMax: Int
    /// Seconds without use after which a kept version goes.
    public var versionKeepSeconds: Int
    /// Where snapshots are kept; nil: in `snapshots.d` of the database's directory.
    public var snapshotDirectory: String?
    /// Where closed log files are kept before they are removed, so that a collection can be
    /// restored to any batch or time; nil: nowhere.
    public var archiveDirectory: String?
    /// Below it lie folders with segments that were built elsewhere, for whoever may name them to a
    /// server; nil: there are none.
    public var segmentsDirectory: String?
    /// Bytes of log files of each collection that stay although its segments have all that is in
    /// them, for those who will ask for changes (`Collection.changes`). What was deleted stays in
    /// them for as long.
    public var logRetentionBytes = 0
    /// Bytes of log files that stay for those who read changes at the moment and have not come so
    /// far; a reader that falls further behind loses its place.
    public var unreadLogBytesMax = 1 << 30
    /// What the engine tells of its work.
    package let meters = EngineMeters()
    /// Time since some fixed moment; never goes back.
    package var uptime: @Sendable () -> Duration
    /// Told at once of damage on disk, with the collection's name and a sentence: when the database
    /// is opened, or later. Called on any thread.
    public var onDamage: (@Sendable (_ collection: String, _ damage: String) -> Void)?

    /// Whether segment files are merged in the background when there are too many of them or too
    /// many of their rows are deleted. Without it only `Collection.compact()` merges.
    public var mergesInBackground: Bool
    /// How fast merges write, in bytes per second, averaged over a second; 0: as fast as it goes.
    public var compactionBytesPerSecond: Int
    /// Files with rows that were deleted longer ago are written anew without them, and rows in
    /// memory and in the log become files first. So deleted data is gone from the directory after
    /// this age, an eighth of it, and the time that merging takes. nil: not for their age alone.
    public var deletedDataMaxAge: Duration?
    /// How often collections without writes are looked at: for the age of deletions, and to try
    /// again what has failed.
    public var maintenanceInterval: Duration
    /// How the recall of searches is watched while they are answered.
    public var recallObservation = RecallObservation()
    /// Called on the merging thread between two pieces of work: tests let things happen meanwhile, or
    /// end the merge there by throwing.
    package var mergePauseHook: (@Sendable () throws -> Void)?

    public init() {
        let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        searchThreads = cores
        indexThreads = cores
        reservedBytes = 64 << 20
        indexNiceness = 10
        writeThreads = 2
        unindexedRowsMax = 16_384
        unindexedBytesMax = 2 << 20
        checkpointRowsMin = 1 << 16
        segmentRowsMax = 1 << 20
        segmentBytesMax = 2 << 30
        sealOnCloseRowsMin = 2_000
        mergesInBackground = true
        compactionBytesPerSecond = 256 << 20
        deletedDataMaxAge = .seconds(24 * 3600)
        maintenanceInterval = .seconds(30)
        newCollectionDurability = .sync
        versionsKeptMax = 64
        versionKeepSeconds = 300
        let start = ContinuousClock.now
        uptime = { ContinuousClock.now - start }
    }
}

/// What a collection holds at one moment.
public struct CollectionInfo: Sendable {
    public enum Status: Sendable {
        /// Everything is in its graphs.
        case green
        /// Some points wait for their graph and are found by an exact scan meanwhile.
        case yellow
        /// Writing has stopped after an I/O error, or a file is damaged; reads go on.
        case red
    }

    /// One payload index.
    public struct PayloadIndex: Sendable {
        public var field: PayloadPath
        public var schema: PayloadFieldSchema
        /// Points that have a value in the field.
        public var points: Int
    }

    public var status: Status
    /// Why, when `status` is red.
    public var failure: String?
    /// Why background work (sealing, merging) is behind; nil when the last attempt succeeded. Reads
    /// and writes go on, and it is tried again.
    public var maintenanceFailure: String?
    /// What is damaged on disk, a sentence each: file, place, and what follows. The rest is served.
    public var degradations: [String]
    public var pointsCount: Int
    /// Vectors that are in a graph, over all fields.
    public var indexedVectorsCount: Int
    public var segmentsCount: Int
    public var configuration: CollectionConfiguration
    public var payloadSchema: [PayloadIndex]
    /// nil: there is none.
    public var card: CollectionCard?
    /// The last batch that reads see.
    public var sequenceNumber: SequenceNumber
    /// What an acknowledgement promises.
    public var durability: Durability
    /// Where the bytes of the newest version lie.
    public var usage: StorageUsage
    /// Versions that are kept for readers, and the memory that only they use.
    public var pinnedVersions: [SequenceNumber]
    public var pinnedMemoryBytes: Int
    /// Dense fields that should be in memory, and are served from mapped files because memory is
    /// used up.
    public var fieldsKeptMapped: [String]
}
