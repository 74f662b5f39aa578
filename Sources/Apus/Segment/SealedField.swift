internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusStorage

/// A dense field of a segment file on its way from bytes to something that can be searched.
extension SegmentFile {
    /// What became of a field: vectors that can be trusted, with a graph unless that is damaged.
    struct LoadedField: Sendable {
        let field: DenseField
        /// Why there is no graph, though the file has one: searches compare every vector.
        let graphDamage: DatabaseError?
        /// Why the file's codes are of no use: others were made from the vectors.
        let codesDamage: DatabaseError?
        /// Why it is not known which recall searches have.
        let recallDamage: DatabaseError?
    }

    /// Throws unless the file has the field as the collection declares it. O(1).
    static func check(
        _ field: Metadata.Field, at position: Int, rowCount: Int, in reader: SegmentReader,
        _ configuration: CollectionConfiguration
    ) throws {
        // Kernels trust that queries, which the configuration checks, fit the vectors. A field that
        // was dropped since is not searched any more.
        let declared = configuration.vectors[field.name]
        guard
            declared == nil
                || declared?.dimension == field.dimension && declared?.metric == field.metric
                    && declared?.element == field.element
        else {
            throw DatabaseError(
                .corruption,
                "\(reader.path): field `\(field.name)` has \(field.dimension) dimensions of "
                    + "\(field.element.rawValue) under \(field.metric), which is not what the "
                    + "collection declares")
        }
        _ = unsafe try vectorSpace(
            reader.section(Section.vectors(position)), field, at: position, rowCount: rowCount,
            path: reader.path)
        try checkIndexVersion(field, at: position, in: reader)
        try checkCodesVersion(field, at: position, in: reader)
        if field.absentCount > 0 {
            let presence: UnsafePointer<UInt8> = unsafe try reader.array(
                Section.presence(position), count: rowCount)
            _ = unsafe presence
        }
    }

    /// Throws when the index is of a newer format; a damaged one is for later. O(1).
    private static func checkIndexVersion(
        _ field: Metadata.Field, at position: Int, in reader: SegmentReader
    ) throws {
        let hasIVF = field.hasIVF == true
        let section = hasIVF ? Section.ivf(position, .header) : Section.graph(position, .header)
        guard field.hasGraph || hasIVF, (try? reader.verifySection(section)) != nil,
            let header = unsafe try? reader.section(section)
        else { return }
        do throws(MalformedBytes) {
            if hasIVF {
                try unsafe IVFFormat.checkVersion(of: header)
            } else {
                try unsafe HNSWFormat.checkVersion(of: header)
            }
        } catch {
            if error.isNewerFormat {
                throw DatabaseError(error, in: "\(reader.path): section \(section)")
            }
        }
    }

    /// Verifies a field's vectors, presence and graph, and brings them to where they are searched:
    /// into memory, onto huge pages, where searches are faster than in the mapped file, or not.
    /// O(bytes). Throws when vectors or presence are damaged. `reusing` is the field as it is now,
    /// whose vectors go on being used if they are where they should be.
    static func load(
        _ field: Metadata.Field, at position: Int, rowCount: Int, from reader: SegmentReader,
        residency: Residency, reusing present: DenseField?
    ) throws -> LoadedField {
        let vectors: VectorSpace
        let owner: any AnyObject & Sendable
        if let present, present.residency.vectorsInMemory == residency.vectorsInMemory {
            vectors = present.vectors
            owner = present.owner
        } else {
            (vectors, owner) = try loadVectors(
                of: field, at: position, rowCount: rowCount, from: reader,
                isInMemory: residency.vectorsInMemory)
        }
        var presence: Presence?
        if field.absentCount > 0 {
            try reader.verifySection(Section.presence(position))
            unsafe presence = Presence(
                base: try reader.array(Section.presence(position), count: rowCount),
                owner: reader, absentCount: field.absentCount)
        }
        var index: HNSWIndex?
        var ivf: IVFIndex?
        var graphDamage: DatabaseError?
        var codesDamage: DatabaseError?
        var recallDamage: DatabaseError?
        if field.hasGraph {
            do {
                let codes = try loadCodes(
                    of: field, at: position, over: vectors, presence: presence,
                    rowCount: rowCount, from: reader, residency: residency, damage: &codesDamage)
                index = try graph(
                    at: position, over: vectors, codes: codes?.codes, rowCount: rowCount,
                    from: reader, isInMemory: residency.graphInMemory,
                    owner: OwnerPair(owner, codes?.owner))
                let (curve, damage) = try recallCurve(at: position, from: reader)
                index?.recallCurve = curve
                recallDamage = damage
            } catch {
                let cause = DatabaseError(causedBy: error)
                guard cause.isOfFiles else { throw cause }
                graphDamage = cause
            }
        }
        if field.hasIVF == true {
            do {
                ivf = try lists(
                    at: position, over: vectors, rowCount: rowCount, from: reader,
                    isInMemory: residency.graphInMemory, owner: owner)
                let (curve, damage) = try recallCurve(at: position, from: reader)
                ivf?.recallCurve = curve
                recallDamage = damage
            } catch {
                let cause = DatabaseError(causedBy: error)
                guard cause.isOfFiles else { throw cause }
                graphDamage = cause
            }
        }
        return LoadedField(
            field: DenseField(
                name: field.name, metric: field.metric, vectors: vectors, index: index, ivf: ivf,
                presence: presence, residency: residency, owner: owner),
            graphDamage: graphDamage, codesDamage: codesDamage, recallDamage: recallDamage)
    }

    /// What recall the graph gave when the file was written; nil when it was not measured.
    private static func recallCurve(
        at position: Int, from reader: SegmentReader
    ) throws -> (RecallCurve?, damage: DatabaseError?) {
        let name = Section.recall(position)
        guard reader.hasSection(name) else { return (nil, nil) }
        do {
            try reader.verifySection(name)
            let bytes = unsafe try reader.section(name)
            do throws(MalformedBytes) {
                return (unsafe try RecallCurve(bytes), nil)
            } catch {
                throw DatabaseError(error, in: "\(reader.path): section \(name)")
            }
        } catch {
            let cause = DatabaseError(causedBy: error)
            guard cause.isOfFiles else { throw cause }
            return (nil, cause)
        }
    }

    /// A copy in memory, on huge pages where the system has them, and what keeps it.
    static func copied(
        _ bytes: UnsafeRawBufferPointer
    ) throws -> (UnsafeRawBufferPointer, any AnyObject & Sendable) {
        let memory = try ReservedMemory(byteCount: bytes.count, isFilledAtOnce: true)
        unsafe UnsafeMutableRawBufferPointer(start: memory.base, count: bytes.count)
            .copyMemory(from: bytes)
        return unsafe (UnsafeRawBufferPointer(start: memory.base, count: bytes.count), memory)
    }

    /// The vectors, verified, and what keeps them.
    private static func loadVectors(
        of field: Metadata.Field, at position: Int, rowCount: Int, from reader: SegmentReader,
        isInMemory: Bool
    ) throws -> (VectorSpace, any AnyObject & Sendable) {
        let name = Section.vectors(position)
        try reader.verifySection(name)
        var bytes = unsafe try reader.section(name)
        var owner: any AnyObject & Sendable = reader
        if isInMemory, unsafe !bytes.isEmpty {
            unsafe (bytes, owner) = unsafe try copied(bytes)
        }
        let vectors = unsafe try vectorSpace(
            bytes, field, at: position, rowCount: rowCount, path: reader.path)
        return (vectors, owner)
    }

    /// A field where it lies, without its graph, and without a look at its checksums: for whoever
    /// has looked already.
    static func unverified(
        _ field: Metadata.Field, at position: Int, rowCount: Int, from reader: SegmentReader
    ) throws -> DenseField {
        let vectors = unsafe try vectorSpace(
            try reader.section(Section.vectors(position)), field, at: position,
            rowCount: rowCount, path: reader.path)
        var presence: Presence?
        if field.absentCount > 0 {
            unsafe presence = Presence(
                base: try reader.array(Section.presence(position), count: rowCount),
                owner: reader, absentCount: field.absentCount)
        }
        return DenseField(
            name: field.name, metric: field.metric, vectors: vectors, index: nil,
            presence: presence, residency: .mapped, owner: reader)
    }

    private static func vectorSpace(
        _ bytes: UnsafeRawBufferPointer, _ field: Metadata.Field, at position: Int, rowCount: Int,
        path: String
    ) throws -> VectorSpace {
        // No rows, no bytes: any address will do, since nothing reads through it.
        var section = unsafe bytes
        if rowCount == 0, unsafe bytes.baseAddress == nil {
            unsafe section = unsafe UnsafeRawBufferPointer(
                start: UnsafeRawPointer(bitPattern: 64), count: 0)
        }
        guard
            let vectors = unsafe VectorSpace(
                section: section, dimension: field.dimension, element: field.element,
                count: rowCount)
        else {
            throw DatabaseError(
                .corruption,
                "\(path): section \(Section.vectors(position)): too short for \(rowCount) vectors "
                    + "of \(field.dimension) components in \(field.element.rawValue)")
        }
        return vectors
    }

    /// The IVF-PQ index of a field, verified.
    private static func lists(
        at position: Int, over vectors: VectorSpace, rowCount: Int, from reader: SegmentReader,
        isInMemory: Bool, owner: any AnyObject & Sendable
    ) throws -> IVFIndex {
        var sections: [IVFFormat.Section: UnsafeRawBufferPointer] = unsafe [:]
        for part in IVFFormat.Section.allCases {
            let section = Section.ivf(position, part)
            try reader.verifySection(section)
            unsafe sections[part] = try reader.section(section)
        }
        do throws(MalformedBytes) {
            return unsafe try IVFIndex.open(
                sections: sections, vectors: vectors, vectorCount: rowCount,
                isInMemory: isInMemory, owner: OwnerPair(reader, owner))
        } catch {
            throw DatabaseError(error, in: "\(reader.path): section ivf.\(position)")
        }
    }

    /// The graph of a field, verified.
    static func graph(
        at position: Int, over vectors: VectorSpace, codes: RowCodes?, rowCount: Int,
        from reader: SegmentReader, isInMemory: Bool, owner: any AnyObject & Sendable
    ) throws -> HNSWIndex {
        var sections: [HNSWFormat.Section: UnsafeRawBufferPointer] = unsafe [:]
        for part in HNSWFormat.Section.allCases {
            let section = Section.graph(position, part)
            try reader.verifySection(section)
            unsafe sections[part] = try reader.section(section)
        }
        do throws(MalformedBytes) {
            return unsafe try HNSWIndex.open(
                sections: sections, vectors: vectors, codes: codes, vectorCount: rowCount,
                residency: isInMemory ? .memory(capacity: rowCount) : .mapped,
                owner: OwnerPair(reader, owner))
        } catch {
            throw DatabaseError(error, in: "\(reader.path): section graph.\(position)")
        }
    }
}

/// Keeps two things alive.
final class OwnerPair: Sendable {
    private let first: any AnyObject & Sendable
    private let second: (any AnyObject & Sendable)?

    init(_ first: any AnyObject & Sendable, _ second: (any AnyObject & Sendable)?) {
        self.first = first
        self.second = second
    }
}
