private import ApusIndex
private import Synchronization

extension Collection {
    /// What is wrong with the graphs and lists of the segment files, one sentence each: links to
    /// nothing, too many of them, nodes that no search can reach. Empty when nothing is. For tests and
    /// benchmarks; O(links).
    package func graphFaults() -> [String] {
        published.withLock { $0.segments }.flatMap { segment -> [String] in
            guard segment is SealedSegment else { return [] }
            guard let fields = try? segment.denseFields else {
                return ["segment \(segment.number) is damaged"]
            }
            return fields.values.flatMap { field in
                let faults =
                    field.index?.checkInvariants()
                    ?? field.ivf?.checkInvariants(isPresent: field.hasVector) ?? []
                return faults.map {
                    "segment \(segment.number), field `\(field.name)`: \($0)"
                }
            }
        }
    }
}
