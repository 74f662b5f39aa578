package import ApusCore

/// What is built and what is measured on it.
package struct SweepSettings: Hashable, Sendable {
    /// Links per node (the paper's M).
    package var m = 16
    /// Candidates during construction (the paper's efConstruction).
    package var efConstruction = 200
    /// Candidates during search: one measurement each.
    package var efs = [16, 32, 64, 128, 256]
    /// Neighbours asked for.
    package var k = 10
    /// Threads that search at the same time, each one query at a time.
    package var threads = 1
    /// Threads that insert into the graph.
    package var buildThreads = 2
    /// Timed passes over all queries; the fastest one is reported.
    package var passes = 3
    /// Measure the scan over every vector instead of the graph.
    package var isExact = false

    /// Which points may be found; nil: all.
    package var filter: TextualFilter?

    package init() {}
}

/// A filter and the text that says it, for reports.
package struct TextualFilter: Hashable, Sendable {
    package var text: String
    package var filter: Filter

    package init(text: String, filter: Filter) {
        self.text = text
        self.filter = filter
    }
}
