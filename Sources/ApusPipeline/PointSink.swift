package import ApusCore

/// Where points go: a collection in this process or on a server.
///
/// Calls may overlap. Writing a batch again must leave the same points as writing it once, which
/// upserts do: a run that was cut off writes some of its points twice.
package protocol PointSink: Sendable {
    /// Returns once the points are durable and searches see them.
    func write(_ points: [Point]) async throws
    /// How many of `ids` the collection has.
    func count(of ids: [PointID]) async throws -> Int
}
