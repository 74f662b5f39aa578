package import ApusCore
internal import ApusIndex
package import ApusKernels
internal import ApusStorage

// Which codes a field's graph is walked by.
//
// Graphs grow over 8-bit codes, whatever the settings say: links that were chosen by coarser ones
// lead to less (docs/adr/0015), and a growing segment does not know the mean of its rows. When a
// segment becomes a file, its rows get the codes that the settings want, less their mean.

extension DenseVectorConfiguration {
    /// Whether walks through the field's graph measure with codes. Answers are measured with the
    /// vectors in any case.
    ///
    /// Short vectors gain nothing, as a row's head takes as much as its codes; Manhattan distances
    /// do not follow from products of codes; and bytes are no larger than their codes would be.
    var hasCodes: Bool { dimension >= 32 && canHaveCodes && element != .uint8 }

    /// Whether files may have codes for the field.
    var canHaveCodes: Bool { metric != .manhattan && !isMultiVector }
}

extension CollectionConfiguration {
    /// The bits of the codes that a field's files get; nil: 8-bit codes, or none.
    package func rabitqBits(of field: String) -> RaBitQBits? {
        guard let configuration = vectors[field], configuration.canHaveCodes,
            // Rows are padded to 64 components.
            configuration.dimension >= 64, configuration.ivf == nil
        else { return nil }
        return (configuration.quantization ?? quantization)?.rabitqBits
    }

    /// Whether a field's codes, and the graph that leads to them, shall be in memory though its
    /// vectors are not.
    func wantsCodesInMemory(of field: String) -> Bool {
        (vectors[field]?.quantization ?? quantization)?.alwaysRAM ?? false
    }
}

extension QuantizationConfiguration {
    /// Bits of a component; nil: the codes of 8 bits that every field has. What lies between is
    /// rounded up. Products of subspaces stand for how small codes shall be: against float32.
    fileprivate var rabitqBits: RaBitQBits? {
        switch self {
        case .scalar: nil
        case .product(let compression, _):
            switch compression {
            case .x4: nil
            case .x8: .four
            case .x16: .two
            case .x32, .x64: .one
            }
        case .binary(_, let encoding, _):
            switch encoding {
            case "two_bits", "one_and_half_bits": .two
            default: .one
            }
        case .turbo(_, let bits):
            switch bits {
            case "bits1": .one
            case "bits1_5", "bits2": .two
            default: .four
            }
        }
    }

    fileprivate var alwaysRAM: Bool? {
        switch self {
        case .scalar(_, let alwaysRAM), .product(_, let alwaysRAM), .binary(let alwaysRAM, _, _),
            .turbo(let alwaysRAM, _):
            alwaysRAM
        }
    }
}

extension DenseField {
    /// The field with a graph that is walked by codes of so many bits, and its recall measured.
    func coded(in bits: RaBitQBits, rowCount: Int, pool: WorkerPool) throws -> DenseField {
        guard let index, rowCount > 0 else { return self }
        let arena = try RaBitQArena.coding(
            vectors, rowCount: rowCount, bits: bits, metric: metric,
            isPresent: { [self] in hasVector(at: $0) }, pool: pool)
        let coded = index.searched(by: .rabitq(arena.space), owner: arena)
        coded.measureRecall(pool: pool)
        return DenseField(
            name: name, metric: metric, vectors: vectors, index: coded, presence: presence,
            residency: residency, owner: owner)
    }
}

// MARK: - In a segment file

extension SegmentFile.Metadata.Field {
    /// Whether a file that lacks 8-bit codes is to have them.
    fileprivate var wantsCodes: Bool {
        DenseVectorConfiguration(
            dimension: dimension, metric: metric, datatype: element.datatype
        ).hasCodes
    }
}

extension SegmentFile {
    /// Codes, and what keeps them.
    typealias OwnedCodes = (codes: RowCodes, owner: any AnyObject & Sendable)

    /// The section that has a field's codes.
    static func codesSection(_ field: Metadata.Field, at position: Int) -> String {
        field.rabitqBits == nil ? Section.codes(position) : Section.rabitq(position)
    }

    /// The codes of a field, verified. Where the file has none, as those of earlier versions, or
    /// damaged ones, they are made from the vectors, for a graph in memory. nil: walks measure with
    /// the vectors.
    static func loadCodes(
        of field: Metadata.Field, at position: Int, over vectors: VectorSpace,
        presence: Presence?, rowCount: Int, from reader: SegmentReader, residency: Residency,
        damage: inout DatabaseError?
    ) throws -> OwnedCodes? {
        guard rowCount > 0, field.rabitqBits != nil || field.wantsCodes else { return nil }
        let name = codesSection(field, at: position)
        if reader.hasSection(name) {
            do {
                return try storedCodes(name, of: field, rowCount, reader, residency)
            } catch {
                damage = DatabaseError(causedBy: error)
                guard damage?.isOfFiles == true else { throw error }
            }
        }
        guard residency.graphInMemory else { return nil }
        if let bits = field.rabitqBits.flatMap({ RaBitQBits(rawValue: $0) }) {
            let arena = try RaBitQArena.coding(
                vectors, rowCount: rowCount, bits: bits, metric: field.metric,
                isPresent: { presence?[$0] ?? true }, pool: nil)
            return (.rabitq(arena.space), arena)
        }
        let arena = try CodeArena(
            dimension: field.dimension, capacity: rowCount, isFilledAtOnce: true)
        for row in 0..<rowCount { arena.store(row, of: vectors) }
        return (.bytes(arena.space), arena)
    }

    private static func storedCodes(
        _ name: String, of field: Metadata.Field, _ rowCount: Int, _ reader: SegmentReader,
        _ residency: Residency
    ) throws -> OwnedCodes {
        try reader.verifySection(name)
        var bytes = unsafe try reader.section(name)
        var owner: any AnyObject & Sendable = reader
        if residency.graphInMemory {
            unsafe (bytes, owner) = unsafe try copied(bytes)
        }
        if let bits = field.rabitqBits.flatMap({ RaBitQBits(rawValue: $0) }) {
            do throws(MalformedBytes) {
                let space = unsafe try RaBitQSpace(
                    section: bytes, dimension: field.dimension, bits: bits, metric: field.metric,
                    count: rowCount)
                return (.rabitq(space), owner)
            } catch {
                throw DatabaseError(error, in: "\(reader.path): section \(name)")
            }
        }
        guard
            let space = unsafe CodeSpace(
                section: bytes, dimension: field.dimension, count: rowCount)
        else {
            throw DatabaseError(
                .corruption,
                "\(reader.path): section \(name): not \(rowCount) codes of \(field.dimension) "
                    + "components")
        }
        return (.bytes(space), owner)
    }

    /// Throws when the file's codes are of a newer format, or of bits that this program does not
    /// know; damaged ones are for later. O(1).
    static func checkCodesVersion(
        _ field: Metadata.Field, at position: Int, in reader: SegmentReader
    ) throws {
        guard let bits = field.rabitqBits else { return }
        let name = Section.rabitq(position)
        guard RaBitQBits(rawValue: bits) != nil else {
            throw DatabaseError(
                .corruption, "\(reader.path): field `\(field.name)` has codes of \(bits) bits")
        }
        guard let bytes = unsafe try? reader.section(name) else { return }
        do throws(MalformedBytes) {
            try unsafe RaBitQSection.checkVersion(of: bytes)
        } catch {
            // Without a look at the checksum, which covers all rows: a damaged version is told from
            // a newer one when the codes are loaded.
            if error.isNewerFormat, (try? reader.verifySection(name)) != nil {
                throw DatabaseError(error, in: "\(reader.path): section \(name)")
            }
        }
    }
}
