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
    /// Threads that validate and apply the writes of `async` callers.
    public var writeThreads: Int
    /// Rows that may wait for their graph; searches scan them exactly, so the bound keeps search
    /// latency bounded. A write that would pass it waits.
    public var unindexedRowsMax: Int
    /// Rows after which a growing segment is sealed and written as a file.
    public var segmentRowsMax: Int
    /// Bytes of vectors after which a growing segment is sealed, whichever comes first.
    public var segmentBytesMax: Int
    /// A growing segment with at least this many rows becomes a file when the database closes;
    /// a smaller one stays in the log and is read from there at the next start.
    public var sealOnCloseRowsMin: Int

    public init() {
        let cores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
        searchThreads = cores
        indexThreads = cores
        writeThreads = 2
        unindexedRowsMax = 16_384
        segmentRowsMax = 1 << 20
        segmentBytesMax = 2 << 30
        sealOnCloseRowsMin = 2_000
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
    public var pointsCount: Int
    /// Vectors that are in a graph, over all fields.
    public var indexedVectorsCount: Int
    public var segmentsCount: Int
    public var configuration: CollectionConfiguration
    public var payloadSchema: [PayloadIndex]
    /// The last batch that is durable and visible.
    public var sequenceNumber: SequenceNumber
}
