public import ApusCore
private import ApusIndex
internal import ApusKernels
private import Synchronization

/// What a collection may use of memory, and what it does when that is used up.
///
/// Two bounds: the collection's own (`memory_budget_bytes`) and the database's (`--memory-limit`).
/// What counts is memory of the process's own: growing segments, and copies of vectors and graphs
/// of segment files. Mapped files do not count; the system takes their memory back when it needs
/// it. Without a bound nothing is counted.
extension Collection {
    /// A bound, and what uses it.
    private struct Bound {
        var bytes: Int
        var used: Int
        var text: String
    }

    /// Throws `.outOfMemory` when the batch would pass a bound. Deletions pass: they are what helps.
    ///
    /// Before it comes to that, a growing segment that holds much which a file does not need in
    /// memory (payload, the map of ids, fields that are served from the file) is written early.
    func requireMemory(for batch: WriteBatch, _ state: inout WriterState) throws {
        let bounds = memoryBounds(state.segments)
        guard !bounds.isEmpty, batch.rowCount > 0 else { return }
        let configuration = configuration
        let needed = batch.memoryByteCount(configuration)
        for bound in bounds where needed > bound.bytes - bound.used {
            throw DatabaseError(
                .outOfMemory,
                "Out of memory: this write needs about \(needed) bytes, and \(bound.text) uses "
                    + "\(bound.used) of \(bound.bytes). Delete points, keep vectors or graphs on "
                    + "disk (on_disk: true), or raise the bound; reads and deletes go on")
        }
        guard state.frozen.isEmpty else { return }
        let releasable = state.growing.bytesReleasedBySealing(configuration)
        for bound in bounds
        where bound.used + needed > bound.bytes / 4 * 3 && releasable > bound.bytes / 8 {
            return try freeze(&state)
        }
    }

    /// Whether writes should wait for the segment that is being written, because memory comes free
    /// with it.
    func waitsForMemory(_ segments: [any Segment]) -> Bool {
        guard segments.count(where: { $0 is GrowingSegment }) > 1 else { return false }
        return memoryBounds(segments).contains { $0.bytes - $0.used < $0.bytes / 16 }
    }

    /// Whether so many bytes more may come into memory without being asked for by a write.
    func hasMemory(for byteCount: Int) -> Bool {
        let segments = published.withLock { $0.segments }
        return memoryBounds(segments).allSatisfy { byteCount <= $0.bytes - $0.used }
    }

    /// Tells the database's account what the collection uses.
    func accountMemory() {
        guard context.memory.limit != nil else { return }
        memoryShare.set(memoryByteCount(published.withLock { $0.segments }))
    }

    private func memoryBounds(_ segments: [any Segment]) -> [Bound] {
        let budget = configuration.optimizers.memoryBudgetBytes
        let limit = context.memory.limit
        guard budget != nil || limit != nil else { return [] }
        let used = memoryByteCount(segments)
        memoryShare.set(used)
        var bounds: [Bound] = []
        if let budget {
            bounds.append(Bound(bytes: budget, used: used, text: "collection `\(name)`"))
        }
        if let limit {
            bounds.append(
                Bound(bytes: limit, used: context.memory.usedBytes, text: "the database"))
        }
        return bounds
    }

    /// O(segments), with those of kept versions, and with the links that rows will get which no
    /// graph has yet: nothing asks again when they come.
    private func memoryByteCount(_ segments: [any Segment]) -> Int {
        let usage = storageUsage(segments)
        let growing = segments.compactMap { $0 as? GrowingSegment }
        return growing.reduce(usage.current.total.memory + usage.pinned) {
            $0 + $1.linkBytesToCome
        }
    }
}

extension Collection {
    /// Where the bytes of the newest version lie, and the memory that only kept versions use: a
    /// part of `info()` that is cheap however many points there are. O(segments).
    public func usage() -> (current: StorageUsage, pinned: Int) {
        storageUsage(published.withLock { $0.segments })
    }

    /// Dense fields that wait for memory, ascending.
    func fieldsKeptMapped(_ segments: [any Segment]) -> [String] {
        var names: Set<String> = []
        for case let segment as SealedSegment in segments {
            names.formUnion(segment.fieldsKeptMapped)
        }
        return names.sorted()
    }

    /// What the segments use, and what others use in addition that kept versions show. O(segments).
    func storageUsage(_ segments: [any Segment]) -> (current: StorageUsage, pinned: Int) {
        var counted = CountedParts()
        let current = segments.reduce(into: StorageUsage()) { $0 += counted.usage(of: $1) }
        let pinned = pins.views.reduce(into: StorageUsage()) { sum, view in
            for segment in view.segments { sum += counted.usage(of: segment) }
        }
        return (current, pinned.total.memory)
    }
}

/// Counts each segment once, and each field that a segment shares with the file written from it.
private struct CountedParts {
    private var seen: Set<ObjectIdentifier> = []

    mutating func usage(of segment: any Segment) -> StorageUsage {
        guard seen.insert(ObjectIdentifier(segment)).inserted else { return StorageUsage() }
        var usage = segment.usage
        for field in segment.residentFields where seen.insert(ObjectIdentifier(field)).inserted {
            usage += field.usage(rowCount: segment.rowCount)
        }
        return usage
    }
}

extension WriteBatch {
    /// About what the rows take in a growing segment.
    fileprivate func memoryByteCount(_ configuration: CollectionConfiguration) -> Int {
        blobByteCount + rowCount * GrowingSegment.memoryBytesPerRow(configuration)
    }
}

extension GrowingSegment {
    /// Memory of a row besides its payload and extras.
    fileprivate static func memoryBytesPerRow(_ configuration: CollectionConfiguration) -> Int {
        var bytes = rowOverheadBytes
        for field in configuration.vectors.values where !field.isMultiVector {
            bytes += field.vectorByteCount
            let hnsw = configuration.hnsw.applying(field.hnsw)
            if hnsw.m > 0 {
                bytes += HNSWIndex.linkBytesPerRow(m: hnsw.m)
                if field.hasCodes { bytes += CodeSpace.stride(dimension: field.dimension) }
            }
        }
        return bytes
    }

    /// Memory of the links of rows that wait for their graphs.
    fileprivate var linkBytesToCome: Int {
        residentFields.reduce(0) { sum, field in
            guard let index = field.index else { return sum }
            return sum + max(0, rowCount - index.indexedCount)
                * HNSWIndex.linkBytesPerRow(m: index.parameters.m)
        }
    }

    /// What comes free when the segment becomes a file.
    fileprivate func bytesReleasedBySealing(_ configuration: CollectionConfiguration) -> Int {
        var released = usage.total.memory
        for field in residentFields {
            let residency = configuration.residency(of: field.name)
            let usage = field.usage(rowCount: rowCount)
            if !residency.vectorsInMemory { released += usage[.vectors].memory }
            if !residency.graphInMemory {
                released += usage[.graph].memory + usage[.codes].memory
            }
        }
        return released
    }
}
