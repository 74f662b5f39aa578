package import ApusCore

/// Points as a Parquet file, made in pieces; who has them writes them one after the other.
///
/// | column | type |
/// |---|---|
/// | `id` | string: a number or a UUID |
/// | `vector` | the unnamed field: `list<float>`, or `list<list<float>>` of a multivector, or a struct of `indices: list<uint32>` and `values: list<float>`; null where a point has none |
/// | `vectors` | a struct of the named fields, each as above |
/// | `payload` | string: a JSON object; null for a point that is gone, in a file of changes |
///
/// A file of changes has before these what `PointChange` says of each: `lsn`, `index`, `kind`, `time`.
package struct ParquetPointWriter: Sendable {
    private let fields: [VectorField]
    private var id = ParquetColumnWriter(["id"], .byteArray)
    private var payload: ParquetColumnWriter
    private var changes: ParquetChangeColumns?
    /// Of each field one, or two of a sparse field.
    private var vectors: [[ParquetColumnWriter]]
    private var rowCount = 0
    private var groups: [(columns: [ParquetWrittenColumn], rowCount: Int)] = []
    /// Bytes that were handed out.
    private var offset = 0

    private static let groupBytesMax = 64 << 20
    private static let groupRowsMax = 1 << 20
    private static let magic = Array("PAR1".utf8)

    package init(fields: [VectorField], ofChanges isOfChanges: Bool = false) {
        self.fields = fields.sorted { $0.name < $1.name }
        payload = ParquetColumnWriter(
            ["payload"], .byteArray, definitionMax: isOfChanges ? 1 : 0)
        changes = isOfChanges ? ParquetChangeColumns() : nil
        vectors = self.fields.map { field in
            let path =
                field.name == defaultVectorName ? ["vector"] : ["vectors", field.name]
            let element = ["list", "element"]
            return switch field.kind {
            case .dense:
                [ParquetColumnWriter(path + element, .float, definitionMax: 2, repetitionMax: 1)]
            case .multi:
                [
                    ParquetColumnWriter(
                        path + element + element, .float, definitionMax: 3, repetitionMax: 2)
                ]
            case .sparse:
                [("indices", ParquetPhysical.int32), ("values", .float)].map { name, physical in
                    ParquetColumnWriter(
                        path + [name] + element, physical, definitionMax: 2, repetitionMax: 1)
                }
            }
        }
    }

    /// Adds a point. Returns bytes of the file when there are some; vectors in fields that the file
    /// does not have are left out.
    package mutating func append(
        id pointID: PointID, vectors pointVectors: [String: Vector], payload object: Payload?,
        change: PointChange? = nil
    ) -> [UInt8] {
        if let change { changes?.append(change) }
        switch pointID {
        case .number(let number): id.append(String(number).utf8)
        case .uuid(let uuid): id.append("\(uuid)".utf8)
        }
        if changes != nil, object == nil {
            payload.appendNothing(definition: 0)
        } else {
            payload.append(JSONText.bytes(of: .object(object ?? [:])))
        }
        for index in fields.indices {
            Self.append(pointVectors[fields[index].name], fields[index].kind, to: &vectors[index])
            for column in vectors[index].indices { vectors[index][column].endRow() }
        }
        id.endRow()
        payload.endRow()
        rowCount += 1
        let isFull = heldByteCount >= Self.groupBytesMax || rowCount >= Self.groupRowsMax
        return isFull ? endGroup() : []
    }

    /// Bytes that it holds, which are no part of the file yet.
    package var heldByteCount: Int {
        let first = id.byteCount + payload.byteCount + (changes?.byteCount ?? 0)
        return vectors.joined().reduce(first) { $0 + $1.byteCount }
    }

    /// The rest of the file.
    package mutating func finish() -> [UInt8] {
        var bytes = rowCount > 0 || groups.isEmpty ? endGroup() : []
        let footer = footer()
        bytes += footer
        ParquetBits.append(UInt32(truncatingIfNeeded: footer.count), to: &bytes)
        return bytes + Self.magic
    }

    // MARK: Values

    /// A vector of another kind than its field's is left out, as none.
    private static func append(
        _ vector: Vector?, _ kind: VectorField.Kind, to columns: inout [ParquetColumnWriter]
    ) {
        switch (vector, kind) {
        case (.dense(let values)?, .dense):
            append(values.map(\.bitPattern), empty: 1, to: &columns[0])
        case (.multi(let rows)?, .multi):
            guard !rows.isEmpty else { return columns[0].appendNothing(definition: 1) }
            for (number, row) in rows.enumerated() {
                let first: UInt8 = number == 0 ? 0 : 1
                if row.isEmpty { columns[0].appendNothing(definition: 2, repetition: first) }
                for (index, value) in row.enumerated() {
                    columns[0].append(value.bitPattern, repetition: index == 0 ? first : 2)
                }
            }
        case (.sparse(let sparse)?, .sparse):
            append(sparse.indices, empty: 1, to: &columns[0])
            append(sparse.values.map(\.bitPattern), empty: 1, to: &columns[1])
        default:
            for index in columns.indices { columns[index].appendNothing(definition: 0) }
        }
    }

    private static func append(
        _ values: [UInt32], empty: UInt8, to column: inout ParquetColumnWriter
    ) {
        if values.isEmpty { column.appendNothing(definition: empty) }
        for (index, value) in values.enumerated() {
            column.append(value, repetition: index == 0 ? 0 : 1)
        }
    }

    // MARK: The file

    private mutating func endGroup() -> [UInt8] {
        var bytes = offset == 0 ? Self.magic : []
        var columns = changes?.take() ?? []
        columns.append(id.take())
        for index in vectors.indices {
            for column in vectors[index].indices { columns.append(vectors[index][column].take()) }
        }
        columns.append(payload.take())
        for index in columns.indices {
            columns[index].offset = offset + bytes.count
            bytes += columns[index].bytes
        }
        if rowCount > 0 { groups.append((columns.map(\.description), rowCount)) }
        rowCount = 0
        offset += bytes.count
        return bytes
    }

    private func footer() -> [UInt8] {
        var writer = ThriftWriter()
        writer.number(1, 1)
        writer.structures(2, nodes()) { writer, node in node.write(to: &writer) }
        writer.number(3, groups.reduce(0) { $0 + $1.rowCount }, .int64)
        writer.structures(4, groups) { writer, group in
            writer.structures(1, group.columns) { writer, column in column.write(to: &writer) }
            writer.number(2, group.columns.reduce(0) { $0 + $1.expandedByteCount }, .int64)
            writer.number(3, group.rowCount, .int64)
        }
        writer.text(6, "apus")
        writer.end()
        return writer.bytes
    }

    /// The schema, in the order of the columns.
    private func nodes() -> [ParquetWrittenNode] {
        let unnamed = fields.filter { $0.name == defaultVectorName }
        let named = fields.filter { $0.name != defaultVectorName }
        let ofChanges = changes == nil ? [] : ParquetChangeColumns.nodes
        let childCount = ofChanges.count + 2 + unnamed.count + (named.isEmpty ? 0 : 1)
        var nodes = [ParquetWrittenNode(name: "schema", childCount: childCount)] + ofChanges
        nodes.append(ParquetWrittenNode(name: "id", physical: .byteArray, meaning: .text))
        for field in unnamed { nodes += Self.nodes("vector", field.kind) }
        if !named.isEmpty {
            nodes.append(ParquetWrittenNode(name: "vectors", childCount: named.count))
            for field in named { nodes += Self.nodes(field.name, field.kind) }
        }
        let last = ParquetWrittenNode(
            name: "payload", physical: .byteArray,
            repetition: changes == nil ? .required : .optional, meaning: .text)
        return nodes + [last]
    }

    private static func nodes(_ name: String, _ kind: VectorField.Kind) -> [ParquetWrittenNode] {
        func list(_ name: String, isOptional: Bool, _ element: [ParquetWrittenNode])
            -> [ParquetWrittenNode]
        {
            [
                ParquetWrittenNode(
                    name: name, childCount: 1, repetition: isOptional ? .optional : .required,
                    meaning: .list),
                ParquetWrittenNode(name: "list", childCount: 1, repetition: .repeated),
            ] + element
        }
        let float = [ParquetWrittenNode(name: "element", physical: .float)]
        switch kind {
        case .dense: return list(name, isOptional: true, float)
        case .multi:
            return list(name, isOptional: true, list("element", isOptional: false, float))
        case .sparse:
            let index = ParquetWrittenNode(
                name: "element", physical: .int32,
                meaning: .integer(bits: 32, isSigned: false))
            return [ParquetWrittenNode(name: name, childCount: 2, repetition: .optional)]
                + list("indices", isOptional: false, [index])
                + list("values", isOptional: false, float)
        }
    }
}

/// A node of the schema as it is written.
struct ParquetWrittenNode {
    var name: String
    var childCount = 0
    var physical: ParquetPhysical?
    var repetition = ParquetSchemaElement.Repetition.required
    var meaning: ParquetMeaning?

    init(
        name: String, childCount: Int = 0, physical: ParquetPhysical? = nil,
        repetition: ParquetSchemaElement.Repetition = .required, meaning: ParquetMeaning? = nil
    ) {
        self.name = name
        self.childCount = childCount
        self.physical = physical
        self.repetition = repetition
        self.meaning = meaning
    }

    func write(to writer: inout ThriftWriter) {
        if let physical { writer.number(1, physical.rawValue) }
        writer.number(3, repetition.rawValue)
        writer.text(4, name)
        if childCount > 0 { writer.number(5, childCount) }
        // The converted type for older readers, the logical one for the others.
        switch meaning {
        case .text:
            writer.number(6, 0)
            writer.structure(10) { $0.structure(1) { _ in } }
        case .list:
            writer.number(6, 3)
            writer.structure(10) { $0.structure(3) { _ in } }
        case .integer(let bits, isSigned: false) where bits == 32:
            writer.number(6, 13)
            writer.structure(10) {
                $0.structure(10) {
                    $0.byte(1, 32)
                    $0.truth(2, false)
                }
            }
        case .timestamp(.milliseconds, isUTC: true):
            writer.number(6, 9)
            writer.structure(10) {
                $0.structure(8) {
                    $0.truth(1, true)
                    $0.structure(2) { $0.structure(1) { _ in } }
                }
            }
        default: break
        }
    }
}

extension ParquetWrittenColumn {
    /// Without the bytes, which are written.
    fileprivate var description: ParquetWrittenColumn {
        var description = self
        description.size = bytes.count
        description.bytes = []
        return description
    }

    fileprivate func write(to writer: inout ThriftWriter) {
        writer.number(2, 0, .int64)
        writer.structure(3) {
            $0.number(1, physical.rawValue)
            $0.numbers(2, [ParquetEncoding.plain.rawValue, ParquetEncoding.runs.rawValue])
            $0.texts(3, path)
            $0.number(4, ParquetCodec.zstd.rawValue)
            $0.number(5, valueCount, .int64)
            $0.number(6, expandedByteCount, .int64)
            $0.number(7, size, .int64)
            $0.number(9, offset, .int64)
        }
    }
}
