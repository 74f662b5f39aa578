package import Synchronization

/// What an engine has done and how long it took, over all its collections, for whoever watches it.
package final class EngineMeters: Sendable {
    /// Each time that the log was made durable.
    package let walSync = Histogram()
    package let walBytes = Atomic(0)
    /// Growing segments that became files.
    package let seal = Histogram()
    /// Merges of segment files, those that failed too.
    package let merge = Histogram()
    package let mergeFailures = Atomic(0)

    package init() {}
}
