package import ApusCore

/// Where a dense field of a segment is served from. Codes are where the graph is: walks read both.
package struct Residency: Hashable, Sendable {
    /// In memory of its own; otherwise where it lies in the mapped file.
    package var vectorsInMemory: Bool
    package var graphInMemory: Bool

    package init(vectorsInMemory: Bool, graphInMemory: Bool) {
        self.vectorsInMemory = vectorsInMemory
        self.graphInMemory = graphInMemory
    }

    package static let memory = Residency(vectorsInMemory: true, graphInMemory: true)
    package static let mapped = Residency(vectorsInMemory: false, graphInMemory: false)
}

extension CollectionConfiguration {
    /// Where the settings want a field: vectors as `on_disk` says, in memory unless told otherwise;
    /// the graph as its own `on_disk` says, or else in memory if its codes shall always be there
    /// (`always_ram`), or else where the vectors are.
    package func residency(of field: String) -> Residency {
        let isOnDisk = vectors[field]?.onDisk ?? false
        let graphIsOnDisk =
            hnsw.applying(vectors[field]?.hnsw).onDisk
            ?? (isOnDisk && !wantsCodesInMemory(of: field))
        return Residency(vectorsInMemory: !isOnDisk, graphInMemory: !graphIsOnDisk)
    }
}
