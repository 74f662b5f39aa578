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

    let context: EngineContext
    let files: CollectionFiles
    let log: WriteAheadLog
    let writer: Mutex<WriterState>
    let published: Mutex<PublishedState>
    /// Writes that wait until fewer rows are unindexed, or until a segment is sealed.
    let room = WaitingWrites()
    let maintenance = Mutex(MaintenanceState())
    /// Whoever writes the manifest holds it.
    let manifest: Mutex<Manifest>

    init(
        name: String, context: EngineContext, files: CollectionFiles, log: WriteAheadLog,
        manifest: Manifest, writer: consuming WriterState, published: PublishedState
    ) {
        self.name = name
        self.context = context
        self.files = files
        self.log = log
        self.manifest = Mutex(manifest)
        self.writer = Mutex(writer)
        self.published = Mutex(published)
    }

    public var configuration: CollectionConfiguration {
        published.withLock { $0.schema.configuration }
    }

    /// The version that readers see at this moment.
    func view() -> ReadView {
        published.withLock { state in
            ReadView(lsn: state.lsn, segments: state.segments, schema: state.schema)
        }
    }

    public func info() -> CollectionInfo {
        let view = view()
        let failure = published.withLock { $0.failure ?? $0.damage }
        let indexed = view.segments.reduce(0) { sum, segment in
            sum + segment.denseFields.values.reduce(0) { $0 + ($1.indexedVectorCount) }
        }
        return CollectionInfo(
            status: failure != nil ? .red : isFullyIndexed ? .green : .yellow,
            failure: failure?.message,
            pointsCount: view.pointCount,
            indexedVectorsCount: indexed,
            segmentsCount: view.segments.count,
            configuration: view.configuration,
            payloadSchema: payloadIndexes(view),
            sequenceNumber: view.lsn)
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

/// What readers take: everything in it belongs to one moment.
struct PublishedState: Sendable {
    /// The last batch that is durable.
    var lsn: SequenceNumber
    var segments: [any Segment]
    var schema: CollectionSchema
    /// Why writing stopped; nil while all is well.
    var failure: DatabaseError?
    /// Bytes on disk that are not what was written; nil while none were met.
    var damage: DatabaseError?
}

/// What the one writer needs; guarded by `Collection.writer`.
struct WriterState {
    /// The last batch that was applied; it may not be durable yet.
    var lsn: SequenceNumber
    var growing: GrowingSegment
    /// Full segments that wait to be written as files, oldest first, each with its last batch.
    var frozen: [FrozenSegment] = []
    /// All segments, oldest first; the last one is `growing`.
    var segments: [any Segment]
    var nextSegmentNumber: UInt64
    var isClosed = false
}

/// A segment that takes no more rows and is not a file yet.
struct FrozenSegment: Sendable {
    let segment: GrowingSegment
    let lastLSN: SequenceNumber
}
