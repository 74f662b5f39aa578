import Apus
import ApusCore

/// Points that come batch by batch, each acknowledged with the version that has it on disk.
///
/// A caller who names its source goes on after a broken connection exactly where it was: with each
/// batch its number becomes the source's position in the collection, in the same record of the log
/// (docs/adr/0021). One task submits batches; they are applied in their order.
final class BulkUpsert: Sendable {
    /// What is known to be on disk.
    struct Acknowledgement: Hashable, Sendable {
        /// The batch, and all before it. 0: none.
        var sequence: UInt64
        /// The version of the collection with it.
        var version: SequenceNumber
    }

    private static let sourceBytesMax = 255
    private static let sourcesMax = 1_024
    private static let prefix = "apus.v1/upsert/"

    private let operations: Operations
    private let name: String
    /// Of the source's position; nil: the caller names no source.
    private let key: String?
    private let slot: Admission.Slot
    private let call = CallContext.current
    private let models = CallModels.said
    /// What was on disk when the caller came.
    let start: Acknowledgement

    fileprivate init(
        _ operations: Operations, _ collection: Collection, key: String?, _ slot: Admission.Slot
    ) async throws {
        self.operations = operations
        name = collection.name
        self.key = key
        self.slot = slot
        let positions = collection.sourcePositions().values
        if let key, positions[key] == nil,
            positions.keys.count(where: { $0.hasPrefix(Self.prefix) }) >= Self.sourcesMax
        {
            throw DatabaseError(
                .failedPrecondition,
                "Collection `\(name)` has had points of \(Self.sourcesMax) sources, which is all "
                    + "that it can tell apart; use one of their names")
        }
        let bytes = key.flatMap { positions[$0] } ?? []
        // Writing nothing tells the last batch that was numbered, which the position is no newer than.
        let results = try await collection.write(
            [.upsert([])], within: nil, acknowledgement: .accepted)
        let version = results.first?.sequenceNumber ?? .zero
        try await collection.waitUntilDurable(version)
        start = Acknowledgement(
            sequence: bytes.isEmpty ? 0 : UInt64(String(decoding: bytes, as: UTF8.self)) ?? 0,
            version: version)
    }

    fileprivate static func key(of source: String) throws(DatabaseError) -> String? {
        guard !source.isEmpty else { return nil }
        guard source.utf8.count <= sourceBytesMax else {
            throw DatabaseError(
                .validation,
                "Validation error in source: \(source.utf8.count) bytes, must be at most "
                    + "\(sourceBytesMax)")
        }
        return prefix + source
    }

    /// Applies a batch that follows `previous`, and returns its version once it is in the log; it is
    /// on disk when `waitUntilDurable` returns. A batch that the collection has already is left
    /// alone.
    func submit(
        _ points: [Point], sequence: UInt64, after previous: UInt64
    ) async throws -> Acknowledgement {
        if sequence > 0, sequence <= start.sequence, key != nil { return start }
        guard sequence == (previous &+ 1), sequence > 0 else {
            throw DatabaseError(
                .invalidArgument,
                "Wrong input: batch \(sequence) comes after batch \(previous), expected batch "
                    + "\(previous &+ 1)")
        }
        if operations.drain.hasBegun { throw Drain.stopping }
        let results = try await CallContext.$current.withValue(call) {
            try await CallModels.$said.withValue(models) {
                try await operations.write(
                    [.upsert(points)], to: name, wait: false, positions: position(sequence),
                    after: position(previous))
            }
        }
        let version = results.first?.sequenceNumber ?? .zero
        return Acknowledgement(sequence: sequence, version: version)
    }

    private func position(_ sequence: UInt64) -> SourcePositions {
        SourcePositions(key.map { [$0: sequence == 0 ? [] : Array(String(sequence).utf8)] } ?? [:])
    }

    func waitUntilDurable(_ version: SequenceNumber) async throws {
        try await operations.database.collection(name).waitUntilDurable(version)
    }
}

extension Operations {
    /// Begins to take points in bulk.
    /// - Parameter source: whose points these are; empty: nobody wants to go on later.
    func bulkUpsert(to name: String, source: String) async throws -> BulkUpsert {
        try await authorize(.write, name)
        let collection = try database.collection(name)
        try CallModels.checkStart(in: collection)
        let key = try BulkUpsert.key(of: source)
        return try await BulkUpsert(
            self, collection, key: key, try admission.enterStream())
    }
}
