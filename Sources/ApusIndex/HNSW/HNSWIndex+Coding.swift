package import ApusCore
package import ApusKernels

extension HNSWIndex {
    /// Where an opened index keeps its links.
    package enum Residency: Hashable, Sendable {
        /// In the sections themselves, which must stay in place while the index lives. No inserts.
        case mapped
        /// In memory of its own, on huge pages where the system has them, with room for `capacity`
        /// ordinals (or as many as the sections have, if those are more): it can go on growing.
        case memory(capacity: Int)
    }

    /// Calls `body` with each section of the format, in order, for the nodes inserted so far.
    ///
    /// The bytes are valid during the call. Nobody may insert meanwhile.
    package func withEncodedSections(
        _ body: (_ section: HNSWFormat.Section, _ bytes: UnsafeRawBufferPointer) throws -> Void
    ) rethrows {
        let count = indexedCount
        let upperBlockCount = upperBlockCount(below: count)
        let header = HNSWFormat.Header(
            parameters: parameters, count: count, upperBlockCount: upperBlockCount, entry: entry)
        unsafe try header.encoded().withUnsafeBytes { unsafe try body(.header, $0) }
        let size = MemoryLayout<UInt32>.size
        unsafe try body(
            .links0,
            UnsafeRawBufferPointer(start: graph.links0, count: count * graph.stride0 * size))
        unsafe try body(.levels, UnsafeRawBufferPointer(start: graph.levels, count: count))
        unsafe try body(
            .upper,
            UnsafeRawBufferPointer(
                start: graph.upper, count: upperBlockCount * graph.upperStride * size))
    }

    /// An index over the sections that `withEncodedSections` gave.
    ///
    /// `vectors`, and `codes` if there are any, must have rows for as many ordinals as `vectorCount` says. All that a search
    /// relies on is checked, in one pass over the links: hostile bytes throw, and can neither trap
    /// nor make a search read out of bounds. `owner` is kept alive as long as the index: what owns
    /// the rows and, for `.mapped`, the sections.
    package static func open(
        sections: [HNSWFormat.Section: UnsafeRawBufferPointer], vectors: VectorSpace,
        codes: RowCodes? = nil, vectorCount: Int, residency: Residency,
        owner: (any AnyObject & Sendable)? = nil
    ) throws(MalformedBytes) -> HNSWIndex {
        let header = unsafe try HNSWFormat.Header(section(.header, in: sections))
        guard header.count <= vectorCount, header.parameters.dimension == vectors.dimension else {
            throw MalformedBytes(
                "an HNSW index of \(header.count) vectors of \(header.parameters.dimension) "
                    + "floats over \(vectorCount) of \(vectors.dimension)", offset: 16)
        }
        let capacity =
            switch residency {
            case .mapped: header.count
            case .memory(let capacity): max(capacity, header.count)
            }
        let graph = unsafe try graph(
            header, sections, capacity: capacity, isMapped: residency == .mapped)
        try graph.validate(header)
        return HNSWIndex(
            parameters: header.parameters, vectors: vectors, codes: codes, graph: graph,
            indexedCount: header.count, entry: header.entry, owner: owner)
    }

    /// Fills an empty index with the sections of one over the same rows, so that only the rows
    /// after them are left to insert; it grows on as if it had inserted them itself.
    ///
    /// Throws, leaving the index empty, when the sections are damaged, cover more than `rowCount`
    /// rows, or were written with other parameters.
    package func adopt(
        sections: [HNSWFormat.Section: UnsafeRawBufferPointer], rowCount: Int
    ) throws(MalformedBytes) {
        precondition(indexedCount == 0, "adopt(sections:) of an index that has nodes")
        let header = unsafe try HNSWFormat.Header(Self.section(.header, in: sections))
        guard header.parameters == parameters, header.count <= min(rowCount, capacity),
            header.upperBlockCount <= graph.upperCapacity
        else {
            throw MalformedBytes(
                "an HNSW index of \(header.count) vectors with \(header.parameters) for one of at "
                    + "most \(rowCount) with \(parameters)", offset: 8)
        }
        let (links0, levels, upper) = unsafe try Self.linkSections(header, sections)
        unsafe graph.copy(links0, levels, upper)
        try graph.validate(header)
        publish(indexedCount: header.count, entry: header.entry)
    }

    private static func graph(
        _ header: HNSWFormat.Header, _ sections: [HNSWFormat.Section: UnsafeRawBufferPointer],
        capacity: Int, isMapped: Bool
    ) throws(MalformedBytes) -> HNSWGraph {
        let m = header.parameters.m
        let (links0, levels, upper) = unsafe try linkSections(header, sections)
        do {
            if isMapped {
                return unsafe try HNSWGraph(
                    m: m, mapping: links0, levels, upper,
                    upperBlockCount: header.upperBlockCount)
            }
            return unsafe try HNSWGraph(
                m: m, copying: links0, levels, upper, upperBlockCount: header.upperBlockCount,
                capacity: capacity)
        } catch {
            throw MalformedBytes("no memory for an HNSW index: \(error)", offset: 0)
        }
    }

    /// The flat arrays, of the sizes that the header says.
    private static func linkSections(
        _ header: HNSWFormat.Header, _ sections: [HNSWFormat.Section: UnsafeRawBufferPointer]
    ) throws(MalformedBytes) -> (
        links0: UnsafeRawBufferPointer, levels: UnsafeRawBufferPointer,
        upper: UnsafeRawBufferPointer
    ) {
        let m = header.parameters.m
        let links0 = unsafe try section(.links0, in: sections)
        let levels = unsafe try section(.levels, in: sections)
        let upper = unsafe try section(.upper, in: sections)
        let size0 = header.count * HNSWGraph.stride(capacity: 2 * m) * 4
        let upperSize = header.upperBlockCount * HNSWGraph.stride(capacity: m) * 4
        guard links0.count == size0, levels.count == header.count, upper.count == upperSize else {
            throw MalformedBytes(
                "HNSW sections of \(links0.count), \(levels.count) and \(upper.count) bytes, "
                    + "expected \(size0), \(header.count) and \(upperSize)", offset: 0)
        }
        return unsafe (links0, levels, upper)
    }

    private static func section(
        _ name: HNSWFormat.Section, in sections: [HNSWFormat.Section: UnsafeRawBufferPointer]
    ) throws(MalformedBytes) -> UnsafeRawBufferPointer {
        guard let bytes = unsafe sections[name] else {
            throw MalformedBytes("no HNSW section \(name.rawValue)", offset: 0)
        }
        return unsafe bytes
    }
}
