import ApusConnectors
import ApusCore
import ApusPipeline

/// Where the changes of a collection come from: a server, or a database that this process opens.
protocol ChangeOrigin {
    /// Hands everything from `start` on to `intake`, in order: to the last version that there is at
    /// the beginning, or on and on.
    ///
    /// Throws `ChangesGone` where the origin does not have what follows `start`.
    func read(from start: ChangeStart, follow: Bool, into intake: ChangeIntake) async throws
    /// The vector fields of the collection as it is now.
    func vectorFields() async throws -> [VectorField]
}

/// Where a reader of changes begins.
enum ChangeStart: Sendable {
    /// Behind a version. An empty history is that which the collection has.
    case after(ChangePosition)
    /// With the collection as it is.
    case snapshot
}

/// The origin does not have the changes that should come next: it does not keep them any more, or it is
/// not the collection that was followed.
struct ChangesGone: Error {
    var reason: String
}

/// Passes on what an origin hands over, and knows how far that is. What comes again after a broken
/// connection is left out.
actor ChangeIntake {
    private let sink: any ChangeSink
    /// The last version that was passed on as a whole; nil: none yet.
    private(set) var position: ChangePosition?
    /// Events of the version behind it that were passed on.
    private var eventsDone = 0
    private(set) var eventCount = 0
    private(set) var snapshotCount = 0

    /// Points of a snapshot that are read at a time.
    static let pageSize = 500

    init(_ sink: any ChangeSink, at position: ChangePosition?) {
        self.sink = sink
        self.position = position
    }

    /// Changes behind a place follow. Where the sink knows nothing before it, it is told of it.
    func begin(at start: ChangePosition) async throws {
        guard position == nil else { return }
        try await sink.begin(at: start)
        position = start
    }

    func take(_ batch: ChangeBatch) async throws {
        guard var next = position, batch.lsn > next.lsn else { return }
        var batch = batch
        batch.drop(before: eventsDone)
        try await sink.write(batch)
        eventsDone = batch.firstIndex + batch.events.count
        eventCount += batch.events.count
        guard batch.isLast else { return }
        next.lsn = batch.lsn
        position = next
        eventsDone = 0
    }

    /// Replaces all that was known by a snapshot, of which `pages` gives the points of the page from
    /// an id on and the id that follows it.
    func takeSnapshot(
        at place: ChangePosition,
        _ pages: (PointID?) async throws -> (records: [Record], next: PointID?)
    ) async throws {
        position = nil
        eventsDone = 0
        try await sink.beginSnapshot(place)
        var start: PointID?
        var count = 0
        repeat {
            let (records, next) = try await pages(start)
            let events = records.map {
                ChangeEvent(
                    .snapshot, $0.id, payload: $0.payload ?? [:], vectors: $0.vectors ?? [:])
            }
            try await sink.write(
                ChangeBatch(lsn: place.lsn, firstIndex: count, events: events, isLast: next == nil))
            count += events.count
            snapshotCount += events.count
            start = next
        } while start != nil
        try await sink.endSnapshot()
        position = place
    }
}
