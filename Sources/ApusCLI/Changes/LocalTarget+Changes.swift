import Apus
import ApusConnectors
import ApusCore
import ApusPipeline

/// The changes of a collection of a database that nobody else has open, so that none come.
extension LocalTarget: ChangeOrigin {
    func vectorFields() async throws -> [ApusPipeline.VectorField] {
        try database.collection(name).configuration.fields
    }

    func read(from start: ChangeStart, follow: Bool, into intake: ChangeIntake) async throws {
        let collection = try database.collection(name)
        let newest = collection.visibleVersion
        switch start {
        case .snapshot:
            let version = collection.pinVersion()
            defer { collection.releaseVersion(version) }
            let place = ChangePosition(log: collection.logID, lsn: version)
            try await intake.takeSnapshot(at: place) { start in
                let page = try await collection.scroll(
                    ScrollRequest(
                        offset: start, limit: ChangeIntake.pageSize, withVectors: .all,
                        version: .number(version)))
                return (page.points, page.nextOffset)
            }
        case .after(var place):
            guard place.log.isEmpty || place.log == collection.logID else {
                throw ChangesGone(
                    reason: "collection `\(name)` has the history \(collection.logID), and "
                        + "\(place.log) was followed: it was made again or restored since")
            }
            place.log = collection.logID
            let reader: ChangeReader
            do {
                reader = try collection.changes(after: place.lsn)
            } catch let error as DatabaseError
                where error.kind == .gone || error.kind == .failedPrecondition
            {
                throw ChangesGone(reason: error.message)
            }
            try await intake.begin(at: place)
            while reader.position <= newest {
                let change = try await reader.next()
                try await intake.take(
                    ChangeBatch(
                        lsn: change.sequenceNumber, time: change.time,
                        events: change.upserts.map(ChangeEvent.init(upserted:))
                            + change.deletes.map { ChangeEvent(.delete, $0) }, isLast: true))
            }
        }
    }
}

extension ChangeEvent {
    init(upserted point: Point) {
        self.init(.upsert, point.id, payload: point.payload, vectors: point.vectors)
    }
}
