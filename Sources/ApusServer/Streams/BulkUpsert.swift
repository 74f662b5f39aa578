import Apus
import ApusCore
import ApusWire

/// Points that come batch by batch, each acknowledged with the version that has it on disk.
///
/// A caller who names its source goes on after a broken connection exactly where it was: with each
/// batch its number becomes the source's position in the collection, in the same record of the log
/// (docs/adr/0021). A pipeline says a position of its own with each batch instead (docs/adr/0045).
/// One task submits batches; they are applied in their order.
final class BulkUpsert: Sendable {
    /// What is known to be on disk.
    struct Acknowledgement: Hashable, Sendable {
        /// The batch, and all before it. 0: none.
        var sequence: UInt64
        /// The version of the collection with it.
        var version: SequenceNumber
        /// Of the source or pipeline, as the collection has it with the batch; empty: none.
        fileprivate(set) var position: [UInt8]
    }

    /// Whose batches these are.
    enum Owner: Sendable {
        /// Nobody wants to go on later.
        case nobody
        case source(PositionKey)
        case pipeline(String, PositionKey)
    }

    private let operations: Operations
    private let name: String
    private let owner: Owner
    private let slot: Admission.Slot
    private let call = CallContext.current
    private let models = CallModels.said
    /// What was on disk when the caller came.
    let start: Acknowledgement

    fileprivate init(
        _ operations: Operations, _ collection: Collection, _ owner: Owner, _ slot: Admission.Slot
    ) async throws {
        self.operations = operations
        name = collection.name
        self.owner = owner
        self.slot = slot
        let (positions, version) = try await collection.durablePositions()
        try owner.key?.checkRoom(in: positions, of: name)
        let position = owner.key?.value(in: positions) ?? []
        start = Acknowledgement(
            sequence: owner.isSource ? UInt64(String(decoding: position, as: UTF8.self)) ?? 0 : 0,
            version: version, position: position)
    }

    /// Where the pipeline was at the start; nil: the batches are no pipeline's.
    var startOfPipeline: PipelinePosition? {
        guard case .pipeline(let pipeline, _) = owner else { return nil }
        return PipelinePosition(
            pipeline: pipeline, position: String(decoding: start.position, as: UTF8.self))
    }

    /// Applies a batch that follows `previous`, and returns its version once it is in the log; it is
    /// on disk when `waitUntilDurable` returns. A batch of a source that the collection has already
    /// is left alone.
    func submit(
        _ batch: UpsertBatch, after previous: Acknowledgement
    ) async throws -> Acknowledgement {
        let sequence = batch.sequence
        if sequence > 0, sequence <= start.sequence { return start }
        guard sequence == (previous.sequence &+ 1), sequence > 0 else {
            throw DatabaseError(
                .invalidArgument,
                "Wrong input: batch \(sequence) comes after batch \(previous.sequence), expected "
                    + "batch \(previous.sequence &+ 1)")
        }
        if operations.drain.hasBegun { throw Drain.stopping }
        let position = try owner.position(behind: batch)
        let key = owner.key?.text
        let writes: [WriteOperation] =
            (batch.deletes.isEmpty ? [] : [.delete(.ids(batch.deletes))]) + [.upsert(batch.points)]
        let results = try await CallContext.$current.withValue(call) {
            try await CallModels.$said.withValue(models) {
                try await operations.write(
                    writes, to: name, wait: false,
                    positions: SourcePositions(key.map { [$0: position] } ?? [:]),
                    after: SourcePositions(key.map { [$0: previous.position] } ?? [:]))
            }
        }
        return Acknowledgement(
            sequence: sequence, version: results.first?.sequenceNumber ?? .zero, position: position)
    }

    func waitUntilDurable(_ version: SequenceNumber) async throws {
        try await operations.database.collection(name).waitUntilDurable(version)
    }
}

extension BulkUpsert.Owner {
    private static let positionBytesMax = 65_536

    fileprivate var key: PositionKey? {
        switch self {
        case .nobody: nil
        case .source(let key), .pipeline(_, let key): key
        }
    }

    fileprivate var isSource: Bool {
        if case .source = self { true } else { false }
    }

    fileprivate func position(behind batch: UpsertBatch) throws(DatabaseError) -> [UInt8] {
        switch self {
        case .pipeline:
            guard (1...Self.positionBytesMax).contains(batch.position.utf8.count) else {
                throw DatabaseError(
                    .validation,
                    "Validation error in batch \(batch.sequence): [position: "
                        + "\(batch.position.utf8.count) bytes, must be 1 to "
                        + "\(Self.positionBytesMax)]")
            }
            return Array(batch.position.utf8)
        case .nobody, .source:
            guard batch.position.isEmpty else {
                throw .badRequest(
                    "Batch \(batch.sequence) says a position, and the start no pipeline")
            }
            return Array(String(batch.sequence).utf8)
        }
    }
}

extension Operations {
    /// Begins to take points in bulk.
    /// - Parameters:
    ///   - source: whose points these are; empty: nobody wants to go on later.
    ///   - pipeline: whose batches say their positions themselves; empty: they are no pipeline's.
    func bulkUpsert(
        to name: String, source: String, pipeline: String
    ) async throws -> BulkUpsert {
        let bounds = try await authorize(.write, name)
        let collection = try database.collection(name)
        try CallModels.checkStart(in: collection)
        let owner: BulkUpsert.Owner
        switch (source.isEmpty, pipeline.isEmpty) {
        case (true, true): owner = .nobody
        case (false, true): owner = .source(try PositionKey(.source, source, within: bounds))
        case (true, false):
            owner = .pipeline(pipeline, try PositionKey(.pipeline, pipeline, within: bounds))
        case (false, false):
            throw DatabaseError.badRequest("`source` and `pipeline` exclude each other")
        }
        return try await BulkUpsert(self, collection, owner, try admission.enterStream())
    }
}
