import Apus
import ApusCore
import ApusProto
import ApusWire

/// Bulk upserts and changes.
extension ApusService {
    func upsertStream(
        _ requests: IncomingMessages<Apus_V1_UpsertRequest>,
        _ answers: OutgoingMessages<Apus_V1_UpsertResponse>
    ) async throws {
        guard case .start(let start)? = try await requests.next()?.message else {
            throw DatabaseError.badRequest("The first message of a bulk upsert must be its start")
        }
        let upsert = try await CallModels.saying(start.model, in: "model") {
            try await operations.bulkUpsert(
                to: start.collectionName, source: start.source, pipeline: start.pipeline)
        }
        var answer = Apus_V1_UpsertResponse(upsert.start)
        if let position = upsert.startOfPipeline {
            answer.pipeline = Apus_V1_PipelinePosition(position)
        }
        try await answers.write(answer)
        var acknowledgements = Acknowledgements { acknowledgement in
            try await upsert.waitUntilDurable(acknowledgement.version)
            try await answers.write(Apus_V1_UpsertResponse(acknowledgement))
        }
        do {
            var last = upsert.start
            while let request = try await operations.drain.waiting({ try await requests.next() }) {
                guard let request else { break }
                guard case .batch(let batch)? = request.message else {
                    throw DatabaseError.badRequest("Batches must follow the start of a bulk upsert")
                }
                let acknowledgement = try await upsert.submit(UpsertBatch(batch), after: last)
                if acknowledgement.sequence > last.sequence { last = acknowledgement }
                try await acknowledgements.add(acknowledgement)
            }
        } catch {
            // What was taken before is acknowledged, if anybody is still there to learn it.
            try? await acknowledgements.finish()
            throw error
        }
        try await acknowledgements.finish()
    }

    func changes(
        _ requests: IncomingMessages<Apus_V1_ChangesRequest>,
        _ answers: OutgoingMessages<Apus_V1_ChangesResponse>
    ) async throws {
        guard let request = try await requests.next() else {
            throw DatabaseError.badRequest(
                "A request for changes is one message, and there is none")
        }
        let feed = try await operations.changes(
            after: VersionWait.version(request.after, in: "after"), log: request.log,
            in: request.collectionName)
        try await answers.write(
            .with {
                $0.start.log = feed.start.log
                $0.start.version = feed.start.version.rawValue
                $0.start.oldest = feed.start.oldest.rawValue
            })
        var last = request.after
        while !request.untilNow || last < feed.start.version.rawValue {
            guard let change = try await feed.next() else { continue }
            for part in change.parts {
                try await answers.write(.with { $0.change = Apus_V1_Change(part) })
            }
            last = change.sequenceNumber.rawValue
        }
    }
}

/// Acknowledges batches in their order while further ones are taken, of which only so many may wait.
private struct Acknowledgements {
    private static let waitingMax = 8

    private let acknowledge: @Sendable (BulkUpsert.Acknowledgement) async throws -> Void
    private var waiting: [Task<Void, any Error>] = []

    init(_ acknowledge: @escaping @Sendable (BulkUpsert.Acknowledgement) async throws -> Void) {
        self.acknowledge = acknowledge
    }

    mutating func add(_ acknowledgement: BulkUpsert.Acknowledgement) async throws {
        let previous = waiting.last
        waiting.append(
            Task { [acknowledge] in
                try await previous?.value
                try await acknowledge(acknowledgement)
            })
        if waiting.count > Self.waitingMax { try await waiting.removeFirst().value }
    }

    /// Waits for all of them, which end when their call does.
    mutating func finish() async throws {
        defer { waiting = [] }
        for task in waiting { try await task.value }
    }
}

extension Apus_V1_UpsertResponse {
    fileprivate init(_ acknowledgement: BulkUpsert.Acknowledgement) {
        self.init()
        sequence = acknowledgement.sequence
        version = acknowledgement.version.rawValue
    }
}

extension Apus_V1_Change {
    fileprivate init(_ part: ChangePart) {
        self.init()
        version = part.version.rawValue
        if let time = part.time { timeMs = time }
        upserts = part.upserts.map { Qdrant_PointStruct($0) }
        deletes = part.deletes.map { Qdrant_PointId($0) }
        isLast = part.isLast
    }
}
