import Apus
import ApusCore
import ApusWire

/// How far pipelines have read their sources (docs/adr/0045). Who may write points may read and
/// forget these, and a caller to whom only some points belong those of its own pipelines.
extension Operations {
    /// What is on disk, and a version that has it.
    func position(
        of pipeline: String, in name: String
    ) async throws -> (position: PipelinePosition, version: SequenceNumber) {
        let bounds = try await authorize(.write, name)
        let key = try PositionKey(.pipeline, pipeline, within: bounds)
        let (positions, version) = try await database.collection(name).durablePositions()
        let text = String(decoding: key.value(in: positions), as: UTF8.self)
        return (PipelinePosition(pipeline: pipeline, position: text), version)
    }

    /// Those of all pipelines, by ascending name.
    func positions(
        in name: String
    ) async throws -> (positions: [PipelinePosition], version: SequenceNumber) {
        let bounds = try await authorize(.write, name)
        let (positions, version) = try await database.collection(name).durablePositions()
        let found = try PositionKey.pipelines(positions, within: bounds)
            .map { PipelinePosition(pipeline: $0, position: String(decoding: $1, as: UTF8.self)) }
            .sorted { $0.pipeline < $1.pipeline }
        return (found, version)
    }

    /// Forgets one, as a write that is on disk at the end; the pipeline reads its source from the
    /// start then. Returns whether there was one.
    func deletePosition(of pipeline: String, in name: String) async throws -> Bool {
        try await writing(to: name) { collection, bounds in
            let key = try PositionKey(.pipeline, pipeline, within: bounds)
            let (positions, _) = try await collection.durablePositions()
            guard !key.value(in: positions).isEmpty else { return false }
            let results = try await collection.write(
                [.upsert([])], within: bounds, acknowledgement: .completed,
                positions: SourcePositions([key.text: []]))
            for result in results {
                try await collection.waitUntilDurable(result.sequenceNumber)
            }
            return true
        }
    }
}

extension Collection {
    /// How far sources were read, once that is on disk, and a version that has it there.
    func durablePositions() async throws -> (SourcePositions, SequenceNumber) {
        let positions = sourcePositions()
        // Writing nothing tells the last batch that was numbered, which these are no newer than.
        let results = try await write([.upsert([])], within: nil, acknowledgement: .accepted)
        let version = results.first?.sequenceNumber ?? .zero
        try await waitUntilDurable(version)
        return (positions, version)
    }
}
