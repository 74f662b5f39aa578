internal import ApusCore
internal import ApusIndex
internal import ApusKernels
internal import ApusStorage
private import Foundation

/// The sections that the engine puts into a segment file, and their way back. docs/format.md has
/// them byte by byte ("Segment sections written by the engine").
enum SegmentFile {
    /// 2 since vectors may be other than floats; where all are floats, 1 is written.
    static let formatVersion = 2

    /// What the other sections hold, as JSON in the section `meta`.
    struct Metadata: Codable {
        struct Field: Codable {
            var name: String
            var dimension: Int
            var metric: Metric
            /// Rows without a vector in this field; their presence byte is 0.
            var absentCount: Int
            var hasGraph: Bool
            /// Whether it has an IVF-PQ index; nil: no.
            var hasIVF: Bool?
            /// Bits of its RaBitQ codes; nil: it has 8-bit codes, or none.
            var rabitqBits: Int?
            /// What its vectors consist of; nil: float32. Since version 2.
            var datatype: VectorElement?

            var element: VectorElement { datatype ?? .float32 }
        }

        var formatVersion: Int
        var number: UInt64
        var rowCount: Int
        /// Dense fields; their position names their sections.
        var fields: [Field]
        /// Whether rows have sparse or multi vectors.
        var hasExtras: Bool
        /// Sparse fields with inverted lists; their position names their section. nil: none, as in
        /// files of before there were any.
        var sparseFields: [String]?
        /// Payload fields with an index; their position names its section. nil: none.
        var indexedFields: [IndexedField]?

        struct IndexedField: Codable {
            var field: String
            var schema: PayloadFieldSchema
        }
    }

    private struct Version: Codable {
        var formatVersion: Int
    }

    enum Section {
        static let meta = "meta"
        static let ids = "ids"
        static let idOrder = "ids.order"
        static let versions = "versions"
        static let payload = "payload"
        static let extras = "extras"
        static func vectors(_ field: Int) -> String { "vectors.\(field)" }
        static func codes(_ field: Int) -> String { "codes.\(field)" }
        static func rabitq(_ field: Int) -> String { "rabitq.\(field)" }
        static func recall(_ field: Int) -> String { "recall.\(field)" }
        static func values(_ field: Int) -> String { "values.\(field)" }
        static func presence(_ field: Int) -> String { "presence.\(field)" }
        static func sparse(_ field: Int) -> String { "sparse.\(field)" }
        static func graph(_ field: Int, _ part: HNSWFormat.Section) -> String {
            "graph.\(field).\(part.rawValue)"
        }
        static func ivf(_ field: Int, _ part: IVFFormat.Section) -> String {
            "ivf.\(field).\(part.rawValue)"
        }
    }

    /// Writes all rows of a segment that takes no more rows and is in its graphs, after a last hand
    /// laid on these on the threads of `pool`; fields that want another index get that, and payload
    /// fields theirs.
    static func write(
        _ segment: some SegmentSource, fileSystem: any FileSystem, path: String,
        schema: CollectionSchema, pool: WorkerPool,
        pacing: SegmentWriter.Pacing? = nil
    ) throws {
        let count = segment.rowCount
        let configuration = schema.configuration
        let fields = try segment.denseFields.values.sorted { $0.name < $1.name }.map { field in
            try finished(field, rowCount: count, configuration, pool: pool)
        }
        let writer = try SegmentWriter(
            fileSystem: fileSystem, path: path,
            expectedByteCount: UInt64(fields.reduce(count * 36) { $0 + $1.byteCount(rows: count) }),
            pacing: pacing)
        let indexedFields = schema.indexedFields.map { ($0.key, $0.value) }
            .sorted { $0.0.description < $1.0.description }
        let sparseFields =
            segment.hasExtras ? configuration.sparseVectors.keys.sorted() : []
        let hasFloatsOnly = fields.allSatisfy { $0.vectors.element == .float32 }
        let metadata = Metadata(
            formatVersion: hasFloatsOnly ? 1 : formatVersion, number: segment.number,
            rowCount: count,
            fields: fields.map { field in
                Metadata.Field(
                    name: field.name, dimension: field.vectors.dimension, metric: field.metric,
                    absentCount: field.presence?.absentCount ?? 0, hasGraph: field.index != nil,
                    hasIVF: field.ivf == nil ? nil : true,
                    rabitqBits: field.index?.codes?.rabitqBits?.rawValue,
                    datatype: field.vectors.element == .float32 ? nil : field.vectors.element)
            },
            hasExtras: segment.hasExtras,
            sparseFields: sparseFields.isEmpty ? nil : sparseFields,
            indexedFields: indexedFields.isEmpty
                ? nil
                : indexedFields.map { field, schema in
                    Metadata.IndexedField(field: field.description, schema: schema)
                })
        try writer.addSection(name: Section.meta, encoding: .raw, bytes: try encoded(metadata))
        unsafe try writer.addRows(Section.ids, segment.idBytes(count: count))
        try writer.addSection(name: Section.idOrder, encoding: .raw) { sink in
            try unsafe segment.rowsByAscendingID().withUnsafeBytes { unsafe try sink.append($0) }
        }
        unsafe try writer.addRows(Section.versions, segment.versionBytes(count: count))
        for (position, field) in fields.enumerated() {
            try write(field, at: position, of: segment, to: writer)
        }
        var builders = indexedFields.map { PayloadIndexBuilder($0, $1, rowCount: count) }
        try writeRows(Section.payload, to: writer, count: count) { row in
            let payload = try segment.payloadBytes(at: row)
            unsafe payload.withUnsafeBytes { bytes in
                for index in builders.indices {
                    builders[index].add(unsafe EncodedPayload(bytes), at: row)
                }
            }
            return payload
        }
        for (position, builder) in builders.enumerated() {
            try writer.addSection(
                name: Section.values(position), encoding: .raw, bytes: builder.encoded())
        }
        if segment.hasExtras {
            var lists = SparseListsBuilder(sparseFields)
            try writeRows(Section.extras, to: writer, count: count) { row in
                let extras = try segment.extrasBytes(at: row)
                try lists.add(extras, at: row)
                return extras
            }
            for (position, name) in sparseFields.enumerated() {
                guard let index = lists.take(name) else { continue }
                try writer.addSection(
                    name: Section.sparse(position), encoding: .raw, bytes: index.encoded())
            }
        }
        try writer.finish()
    }

    /// A field with the index that it goes on with.
    private static func finished(
        _ field: DenseField, rowCount: Int, _ configuration: CollectionConfiguration,
        pool: WorkerPool
    ) throws -> DenseField {
        guard let wanted = configuration.vectors[field.name]?.ivf, rowCount > 0, field.ivf == nil
        else {
            // Pruning may have cut nodes off, and nothing is inserted any more that could reach them.
            field.index?.connectUnreachable()
            if let bits = configuration.rabitqBits(of: field.name) {
                return try field.coded(in: bits, rowCount: rowCount, pool: pool)
            }
            field.index?.measureRecall(pool: pool)
            return field
        }
        return DenseField(
            name: field.name, metric: field.metric, vectors: field.vectors, index: nil,
            ivf: try field.builtIVF(wanted, rowCount: rowCount, pool: pool),
            presence: field.presence, residency: field.residency, owner: field.owner)
    }

    private static func write(
        _ field: DenseField, at position: Int, of segment: some SegmentSource,
        to writer: SegmentWriter
    ) throws {
        let count = segment.rowCount
        let vectors = field.vectors
        unsafe try writer.addRows(
            Section.vectors(position),
            UnsafeRawBufferPointer(
                start: vectors.base, count: count * vectors.rowByteCount))
        if let bytes = unsafe segment.presenceBytes(of: field.name, count: count) {
            unsafe try writer.addRows(Section.presence(position), bytes)
        }
        if let codes = field.index?.codes {
            let name =
                codes.rabitqBits == nil ? Section.codes(position) : Section.rabitq(position)
            try writer.addSection(name: name, encoding: .raw) { sink in
                unsafe try sink.append(codes.sectionBytes(count: count))
            }
        }
        unsafe try field.index?.withEncodedSections { part, bytes in
            try writer.addSection(name: Section.graph(position, part), encoding: .raw) {
                unsafe try $0.append(bytes)
            }
        }
        unsafe try field.ivf?.withEncodedSections { part, bytes in
            try writer.addSection(name: Section.ivf(position, part), encoding: .raw) {
                unsafe try $0.append(bytes)
            }
        }
        if let curve = field.index?.recallCurve ?? field.ivf?.recallCurve {
            try writer.addSection(
                name: Section.recall(position), encoding: .raw, bytes: curve.encoded())
        }
    }

    private static func writeRows(
        _ name: String, to writer: SegmentWriter, count: Int, _ row: (Int) throws -> [UInt8]
    ) throws {
        try RowBlockWriter.addSections(to: writer, prefix: name) { rows in
            for index in 0..<count { try rows.append(try row(index)) }
        }
    }

    static func encoded(_ metadata: Metadata) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return [UInt8](try encoder.encode(metadata))
    }

    static func metadata(of reader: SegmentReader) throws -> Metadata {
        try reader.verifySection(Section.meta)
        return try metadata(
            decoding: unsafe Array(try reader.section(Section.meta)), path: reader.path)
    }

    /// The same of a section that was read.
    static func metadata(decoding section: [UInt8], path: String) throws -> Metadata {
        let bytes = Data(section)
        do {
            // What a later version has besides may be nothing that this one can decode.
            let version = try JSONDecoder().decode(Version.self, from: bytes).formatVersion
            guard (1...formatVersion).contains(version) else {
                throw DatabaseError(
                    .failedPrecondition,
                    "\(path): the segment's sections have format version \(version); "
                        + "this program knows 1 to \(formatVersion)")
            }
            return try JSONDecoder().decode(Metadata.self, from: bytes)
        } catch let error as DatabaseError {
            throw error
        } catch {
            throw DatabaseError(.corruption, "\(path): section meta: \(error)")
        }
    }
}

extension SegmentSource {
    /// All rows, by ascending id; rows of one point ascending.
    fileprivate func rowsByAscendingID() -> [UInt32] {
        (0..<UInt32(rowCount)).sorted { left, right in
            let (a, b) = (id(at: Int(left)), id(at: Int(right)))
            return a == b ? left < right : a < b
        }
    }
}

extension DenseField {
    /// Of its vectors, codes and links, about.
    fileprivate func byteCount(rows: Int) -> Int {
        rows * (vectors.rowByteCount + (index?.codes?.stride ?? 0))
            + (index?.linkByteCount ?? 0) + (ivf?.byteCount ?? 0)
    }
}
