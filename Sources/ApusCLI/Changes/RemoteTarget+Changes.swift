import ApusConnectors
import ApusCore
import ApusPipeline
import ApusProto
import ApusWire
import GRPCCore

/// The changes of a collection of a server (docs/protocol.md).
extension RemoteTarget: ChangeOrigin {
    func vectorFields() async throws -> [VectorField] { try await vectorConfiguration().fields }

    func read(from start: ChangeStart, follow: Bool, into intake: ChangeIntake) async throws {
        switch start {
        case .after(let place):
            try await changes(behind: place, untilNow: !follow, into: intake, snapshot: nil)
        case .snapshot:
            let (version, first) = try await pinned()
            // The stream is opened first, and read afterwards: as long as it is open the server keeps
            // what follows the snapshot.
            try await changes(
                behind: ChangePosition(log: "", lsn: version), untilNow: !follow, into: intake,
                snapshot: first)
        }
    }

    /// Reads changes behind a place; before any, the points of its version where their first page is
    /// given.
    private func changes(
        behind place: ChangePosition, untilNow: Bool, into intake: ChangeIntake,
        snapshot first: Page?
    ) async throws {
        var request = Apus_V1_ChangesRequest()
        request.collectionName = name
        request.after = place.lsn.rawValue
        request.log = place.log
        request.untilNow = untilNow
        do {
            try await stream("apus.v1.Apus", "Changes", request, from: (index: 0, lsn: 0)) {
                (message: Apus_V1_ChangesResponse, state: inout (index: Int, lsn: UInt64)) in
                switch message.message {
                case .start(let start)?:
                    let place = ChangePosition(log: start.log, lsn: place.lsn)
                    guard let first else { return try await intake.begin(at: place) }
                    try await intake.takeSnapshot(at: place) { offset in
                        guard let offset else { return first }
                        return try await page(from: offset, version: String(place.lsn.rawValue)).1
                    }
                case .change(let change)?:
                    if change.version != state.lsn { state = (0, change.version) }
                    let events =
                        try change.upserts.map { ChangeEvent(upserted: try Point($0)) }
                        + change.deletes.map { ChangeEvent(.delete, try PointID($0)) }
                    try await intake.take(
                        ChangeBatch(
                            lsn: SequenceNumber(change.version),
                            time: change.hasTimeMs ? change.timeMs : nil,
                            firstIndex: state.index, events: events, isLast: change.isLast))
                    state.index += events.count
                case nil: break
                }
            }
        } catch let error as RPCError where error.code == .failedPrecondition {
            throw ChangesGone(reason: error.message)
        }
    }

    typealias Page = (records: [Record], next: PointID?)

    /// The first page of the collection as it is now, and the version that was pinned for it.
    private func pinned() async throws -> (SequenceNumber, Page) {
        let (version, page) = try await page(from: nil, version: "pin")
        guard let version else {
            throw Failure("the server does not say which version it pinned")
        }
        return (version, page)
    }

    private func page(
        from start: PointID?, version: String
    ) async throws -> (SequenceNumber?, Page) {
        var request = Qdrant_ScrollPoints()
        request.collectionName = name
        if let start { request.offset = Qdrant_PointId(start) }
        request.limit = UInt32(clamping: ChangeIntake.pageSize)
        request.withPayload.enable = true
        request.withVectors.enable = true
        let (answer, metadata): (Qdrant_ScrollResponse, Metadata) = try await call(
            Self.points, "Scroll", request, adding: ["apus-version": "\(version)"])
        let read = metadata[stringValues: "apus-version"].first { _ in true }.flatMap { UInt64($0) }
        return (
            read.map { SequenceNumber($0) },
            (
                try answer.result.map { try Record($0) },
                answer.hasNextPageOffset ? try PointID(answer.nextPageOffset) : nil
            )
        )
    }
}
