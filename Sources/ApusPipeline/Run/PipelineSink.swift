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
