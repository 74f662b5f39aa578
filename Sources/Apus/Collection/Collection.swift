public import ApusCore
internal import ApusStorage
internal import Synchronization

/// A named set of points that are searched together.
///
/// Life of a write: the operations are validated and resolved into effects, appended to the log as
/// one record, applied to the growing segment, and published to readers once the record is on disk
/// (`Collection+Write`). Life of a search: it takes the published version and uses it to its end
/// (`Collection+Read`). In the background, indexer jobs insert rows into graphs and full segments
/// become files (`Collection+Maintenance`).
///
/// Two locks: `writer` is held while a batch is applied, `published` for an instant to take or
/// replace the version. Code that holds `published` takes no other lock.
public final class Collection: Sendable {
    public let name: String
    /// What opening found.
    public let recovery: CollectionRecovery

    let context: EngineContext
    let files: CollectionFiles
    let log: WriteAheadLog
    // No `Mutex`, which spins: with many writers they would take the processor from each other.
    let writer: Monitor<WriterState>
    let published: Mutex<PublishedState>
    /// Writes that wait until fewer rows are unindexed, or until a segment is sealed.
    let waitingWrites = WaitingWrites()
    /// Those who wait until readers see a version.
    let versionWaiters = VersionWaiters()
    let maintenance = Mutex(MaintenanceState())
    /// Versions that readers asked to keep.
    let pins: PinnedViews
    let pinTimerIsSet = Atomic(false)
    /// What strict mode leaves of reads and writes.
    let rates = RequestRates()
    /// What the collection uses of the database's memory.
    let memoryShare: MemoryAccount.Share
    /// Whoever writes the manifest holds it. Taken before `writer`, never after it.
    let manifest: Mutex<Manifest>
    let compaction: Mutex<CompactionState>
    /// Asked by merges often, and without the lock.
    let compactionIsStopped = Atomic<Bool>(false)
    /// Set, under the manifest's lock, when the collection is closed or its files are another's or
    /// going: nothing is written into its directory any more.
    let isDetached = Atomic<Bool>(false)
    /// `WriterState.time`, for those who do not hold the writer's lock.
    let lastTime: Atomic<UInt64>
    /// The last batch whose points came as segments and are in no log (`Collection+Attach`).
    let lastAttach: Atomic<UInt64>
    /// Held by whoever attaches segments; taken before all other locks of the collection.
    let attaching = Mutex(())
    /// How far the log is archived; held by whoever archives.
    let logArchive = Mutex(LogArchiveState())
    let recallObserver = RecallObserver()
    /// Readers of changes, who need the log.
    let logHolds = LogHolds()
    /// Copies of archived log files that were made for them.
    let archiveCopyCount = Atomic<UInt64>(0)

    init(
        name: String, context: EngineContext, files: CollectionFiles, log: WriteAheadLog,
        manifest: Manifest, writer: consuming WriterState, published: PublishedState,
        recovery: CollectionRecovery
    ) {
        self.name = name
        self.recovery = recovery
        self.context = context
        self.files = files
        self.log = log
        compaction = Mutex(CompactionState(times: manifest.batchTimes))
        self.manifest = Mutex(manifest)
        lastTime = Atomic(writer.time)
        lastAttach = Atomic(writer.positions.lastAttach.rawValue)
        self.writer = Monitor(writer)
        self.published = Mutex(published)
        memoryShare = MemoryAccount.Share(of: context.memory)
        pins = PinnedViews(
            countMax: context.configuration.versionsKeptMax,
            keepTime: .seconds(context.configuration.versionKeepSeconds))
    }

    public var configuration: CollectionConfiguration {
        published.withLock { $0.schema.configuration }
    }

    /// The recall that searches of late really had, from a sample of them that was checked
    /// (`EngineConfiguration.recallObservation`); nil: none was.
    public var observedRecall: ObservedRecall? { recallObserver.observed }

    /// Waits until the check of a search that is under way is done.
    package func waitUntilRecallIsObserved() { recallObserver.waitUntilIdle() }

    /// The version that readers see at this moment.
    ///
    /// A segment whose ids turn out to be damaged goes out of service here.
    func view() -> ReadView {
        var view = published.withLock { state in
            ReadView(lsn: state.lsn, segments: state.segments, schema: state.schema)
        }
        while let damage = view.firstDamage() {
            try? takeOutOfService(damage)
            view = view.without(damage.segment)
        }
        return view
    }

    public func info() -> CollectionInfo {
        // Nothing of what is told here depends on ids.
        let (view, stopped) = published.withLock { state in
            (
                ReadView(lsn: state.lsn, segments: state.segments, schema: state.schema),
                state.failure
            )
        }
        let usage = storageUsage(view.segments)
        let degradations = degradations()
        let failure =
            (stopped ?? log.failure.map { DatabaseError($0) })?.message
            ?? degradations.first.map { first in
                degradations.count == 1 ? first : degradations.joined(separator: "; ")
            }
        let indexed = view.segments.reduce(0) { $0 + $1.indexedVectorCount }
        return CollectionInfo(
            status: failure != nil ? .red : isFullyIndexed ? .green : .yellow,
            failure: failure,
            maintenanceFailure: maintenanceFailure?.message,
            degradations: degradations,
            pointsCount: view.pointCount,
            indexedVectorsCount: indexed,
            segmentsCount: view.segments.count,
            configuration: view.configuration,
            payloadSchema: payloadIndexes(view),
            card: view.schema.attributes.card,
            sequenceNumber: view.lsn,
            durability: view.configuration.durability,
            usage: usage.current,
            pinnedVersions: pinnedVersions,
            pinnedMemoryBytes: usage.pinned,
            fieldsKeptMapped: fieldsKeptMapped(view.segments))
    }

    /// Why background work is behind, if it is; it is tried again.
    private var maintenanceFailure: DatabaseError? {
        maintenance.withLock { $0.sealFailure ?? $0.checkpointFailure }
            ?? compaction.withLock { $0.failure }
    }

    private func payloadIndexes(
        _ view: ReadView
    ) -> [CollectionInfo.PayloadIndex] {
        view.schema.indexedFields.map { field, schema in
            let filter = Filter(mustNot: [.isEmpty(field)])
            return CollectionInfo.PayloadIndex(
                field: field, schema: schema, points: (try? view.count(filter)) ?? 0)
        }.sorted { $0.field.description < $1.field.description }
    }
}

/// What opening a collection found behind its segments.
public struct CollectionRecovery: Hashable, Sendable {
    /// Batches that came back from the log.
    public var replayedBatchCount: Int
    /// Bytes at the log's end that were never acknowledged and are gone.
    public var tornByteCount: Int
    /// Rows of those batches whose graphs came back from a checkpoint; the others are inserted
    /// again in the background.
    public var checkpointedRowCount: Int
}

/// What readers take: everything in it belongs to one moment.
struct PublishedState: Sendable {
    /// The last batch that is as safe as the durability setting says.
    var lsn: SequenceNumber
    var segments: [any Segment]
    var schema: CollectionSchema
    /// Why writing stopped; nil while all is well.
    var failure: DatabaseError?
    /// Segments of the manifest that are not among `segments`.
    var lost: [LostSegment] = []
}

/// What the one writer needs; guarded by `Collection.writer`.
struct WriterState {
    /// The last batch that was applied; it may not be durable yet.
    var lsn: SequenceNumber
    /// Of that batch, in milliseconds since 1970: a clock that jumps back does not take it along.
    var time: UInt64
    /// As that batch left them.
    var positions: SourcePositions
    var growing: GrowingSegment
    /// Full segments that wait to be written as files, oldest first, each with its last batch.
    var frozen: [FrozenSegment] = []
    /// All segments, oldest first; the last one is `growing`.
    var segments: [any Segment]
    var nextSegmentNumber: UInt64
    var isClosed = false

    /// The growing segment takes no more rows; the caller puts another one in its place.
    mutating func freezeGrowing() {
        frozen.append(FrozenSegment(segment: growing, lastLSN: lsn, positions: positions))
    }
}

/// A segment that takes no more rows and is not a file yet.
struct FrozenSegment: Sendable {
    let segment: GrowingSegment
    let lastLSN: SequenceNumber
    /// As the last batch left them.
    let positions: SourcePositions
}
