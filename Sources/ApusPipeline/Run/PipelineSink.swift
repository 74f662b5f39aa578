package import ApusCore

/// A collection that a pipeline fills: in this process or on a server.
package protocol PipelineSink: Sendable {
    /// What the last write that is durable said; nil: there was none under that name.
    func position(of pipeline: String) async throws -> JSONValue?
    /// Those of the points that are there, with as much of them as is asked for.
    func points(_ ids: [PointID], withVectors: Bool) async throws -> [Record]
    /// Up to `limit` ids in their order, from `start` on.
    func ids(from start: PointID?, limit: Int) async throws -> [PointID]
    /// Applies a change. Writes do not overlap.
    ///
    /// Returns once all of it is durable. Either the change and its position survive a crash or
    /// neither does. After a transient error the same change may be written again.
    func write(_ change: SinkChange) async throws
}

extension PipelineSink {
    /// Chunks of a record that are taken to be there without looking.
    private var chunksTrusted: Int { 1_000 }

    /// What is there of a pipeline's records, by the ids of their first chunks.
    ///
    /// Payloads may have been written by somebody else: points that are not what their ids say are
    /// left out, and `count` is never much more than the chunks that there are. One call, and for
    /// records that say they have many chunks another one for each thousand that is there.
    func heads(_ ids: [PointID], of pipeline: String) async throws -> [ChunkPoint] {
        var heads: [ChunkPoint] = []
        for point in try await points(ids, withVectors: false) {
            guard var head = ChunkPoint(point.payload), head.chunk == 0,
                point.id == ChunkPoint.id(pipeline: pipeline, key: head.key, chunk: 0)
            else { continue }
            if head.count > chunksTrusted {
                head.count = try await chunkCount(of: head, pipeline)
            }
            heads.append(head)
        }
        return heads
    }

    /// Looks up to where a record has chunks, which are one behind the other.
    private func chunkCount(of head: ChunkPoint, _ pipeline: String) async throws -> Int {
        var end = 1
        while end < head.count {
            let next = end + min(chunksTrusted, head.count - end)
            let ids = (end..<next).map {
                ChunkPoint.id(pipeline: pipeline, key: head.key, chunk: $0)
            }
            if try await points(ids, withVectors: false).isEmpty { break }
            end = next
        }
        return end
    }
}

/// What is to become of a collection.
package struct SinkChange: Sendable {
    package var deletes: [PointID]
    package var upserts: [Point]
    /// Of the pipeline of that name.
    package var pipeline: String
    package var position: JSONValue
    /// Tells this change from every other one, also of other processes, to a sink that has to know
    /// whether it was made.
    package let id = UInt64.random(in: .min ... .max)

    package init(
        deletes: [PointID] = [], upserts: [Point] = [], pipeline: String, position: JSONValue
    ) {
        self.deletes = deletes
        self.upserts = upserts
        self.pipeline = pipeline
        self.position = position
    }
}
