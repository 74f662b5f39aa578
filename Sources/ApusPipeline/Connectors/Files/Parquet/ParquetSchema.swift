/// A column that has values: a leaf of the schema.
struct ParquetLeaf: Hashable, Sendable {
    /// Names from the root on, as messages show it.
    var path: String
    var type: ParquetType
    var meaning: ParquetMeaning?
    /// Which of a row group's columns it is.
    var chunk: Int
    /// How many optional and repeated nodes lead to a value, and how many repeated ones.
    var definitionMax: UInt8
    var repetitionMax: UInt8
}

/// What a row is made of, from the values of its columns.
///
/// Levels say of each value which of the nodes above it are there (definition), and which of the
/// repeated ones starts anew (repetition): Melnik et al., "Dremel: Interactive Analysis of Web-Scale
/// Datasets", VLDB 2010.
indirect enum ParquetNode: Sendable {
    case value(column: Int)
    case group([(name: String, node: ParquetNode)])
    /// Null where the first column's definition is below `definition`.
    case optional(definition: UInt8, columns: Range<Int>, ParquetNode)
    /// A list, with nothing in it where the definition is below `definition`.
    case list(definition: UInt8, repetition: UInt8, columns: Range<Int>, ParquetNode)
    /// A list of keys with their values.
    case map(definition: UInt8, repetition: UInt8, columns: Range<Int>, ParquetNode, ParquetNode?)
}

/// The columns of a file as its footer describes them.
struct ParquetSchema: Sendable {
    /// Nodes within each other, and nodes in all.
    static let depthMax = 64
    static let elementsMax = 1 << 16

    /// The first one is the root.
    private let elements: [ParquetSchemaElement]
    /// Leaves of the whole schema.
    let columnCount: Int
    /// The names on top.
    let names: [String]

    init(_ elements: [ParquetSchemaElement]) throws(FormatFault) {
        guard let root = elements.first, root.childCount > 0 || elements.count == 1 else {
            throw FormatFault(expected: "a schema with a root", found: "none")
        }
        self.elements = elements
        columnCount = elements.dropFirst().count { $0.childCount == 0 }
        var reader = Reader(elements: elements, wanted: nil)
        names = try reader.fields().map { $0.name }
    }

    /// The fields of the names in `wanted` (nil: all), and their columns.
    func projection(
        _ wanted: Set<String>?
    ) throws(FormatFault) -> (fields: [(name: String, node: ParquetNode)], leaves: [ParquetLeaf]) {
        var reader = Reader(elements: elements, wanted: wanted)
        let fields = try reader.fields()
        return (fields, reader.leaves)
    }

    /// Walks the elements, which are in the order of a tree's branches.
    private struct Reader {
        let elements: [ParquetSchemaElement]
        let wanted: Set<String>?
        var position = 1
        /// Leaves so far, wanted or not.
        var chunk = 0
        var leaves: [ParquetLeaf] = []

        init(elements: [ParquetSchemaElement], wanted: Set<String>?) {
            self.elements = elements
            self.wanted = wanted
        }

        mutating func fields() throws(FormatFault) -> [(name: String, node: ParquetNode)] {
            var fields: [(name: String, node: ParquetNode)] = []
            var seen: Set<String> = []
            for _ in 0..<(elements.first?.childCount ?? 0) {
                let name = try peek().name
                guard seen.insert(name).inserted else {
                    throw FormatFault(
                        .unsupported, expected: "columns of different names",
                        found: "two of the name '\(name)'")
                }
                let kept = leaves.count
                let node = try node(Place(path: "", definition: 0, repetition: 0, depth: 1))
                if wanted?.contains(name) ?? true {
                    fields.append((name, node))
                } else {
                    leaves.removeSubrange(kept...)
                }
            }
            guard position == elements.count else {
                throw FormatFault(
                    expected: "\(position) nodes in the schema", found: "\(elements.count)")
            }
            return fields
        }

        struct Place {
            var path: String
            var definition: UInt8
            var repetition: UInt8
            var depth: Int
        }

        private func peek() throws(FormatFault) -> ParquetSchemaElement {
            guard position < elements.count else {
                throw FormatFault(
                    expected: "another node of the schema", found: "the end of the schema")
            }
            return elements[position]
        }

        /// The next element with what is below it.
        private mutating func node(_ above: Place) throws(FormatFault) -> ParquetNode {
            let element = try peek()
            position += 1
            let first = leaves.count
            let place = try self.place(of: element, above)
            let inner = try content(element, place)
            let columns = first..<leaves.count
            switch element.repetition {
            case .required: return inner
            case .optional:
                return .optional(definition: place.definition, columns: columns, inner)
            case .repeated:
                return .list(
                    definition: place.definition, repetition: place.repetition, columns: columns,
                    inner)
            }
        }

        private func place(
            of element: ParquetSchemaElement, _ above: Place
        ) throws(FormatFault) -> Place {
            guard above.depth <= ParquetSchema.depthMax else {
                throw FormatFault(
                    .unsupported,
                    expected: "at most \(ParquetSchema.depthMax) columns within each other",
                    found: "more")
            }
            return Place(
                path: above.path.isEmpty ? element.name : "\(above.path).\(element.name)",
                definition: above.definition + (element.repetition == .required ? 0 : 1),
                repetition: above.repetition + (element.repetition == .repeated ? 1 : 0),
                depth: above.depth + 1)
        }

        /// What an element is, whether it may be missing or comes several times aside.
        private mutating func content(
            _ element: ParquetSchemaElement, _ place: Place
        ) throws(FormatFault) -> ParquetNode {
            guard element.childCount > 0 else { return try leaf(element, place) }
            guard element.childCount <= elements.count - position else {
                throw FormatFault(
                    expected: "\(element.childCount) nodes below \(place.path)",
                    found: "the end of the schema")
            }
            if element.childCount == 1, try peek().repetition == .repeated {
                switch element.meaning {
                case .list: return try list(element, place)
                case .map: return try map(place)
                default: break
                }
            }
            var members: [(name: String, node: ParquetNode)] = []
            for _ in 0..<element.childCount {
                members.append((try peek().name, try node(place)))
            }
            return .group(members)
        }

        /// A list is a group with one repeated node. That node is the element itself in older
        /// files, or a group around it.
        private mutating func list(
            _ outer: ParquetSchemaElement, _ above: Place
        ) throws(FormatFault) -> ParquetNode {
            let repeated = try peek()
            let isElement =
                repeated.childCount != 1 || repeated.name == "array"
                || repeated.name == "\(outer.name)_tuple"
            guard !isElement else { return try node(above) }
            position += 1
            let first = leaves.count
            let place = try place(of: repeated, above)
            let element = try node(place)
            return .list(
                definition: place.definition, repetition: place.repetition,
                columns: first..<leaves.count, element)
        }

        /// A map is a group with one repeated group of a key and perhaps a value.
        private mutating func map(_ above: Place) throws(FormatFault) -> ParquetNode {
            let repeated = try peek()
            guard repeated.childCount == 1 || repeated.childCount == 2 else {
                return try node(above)
            }
            position += 1
            let first = leaves.count
            let place = try place(of: repeated, above)
            let key = try node(place)
            let value = repeated.childCount == 2 ? try node(place) : nil
            return .map(
                definition: place.definition, repetition: place.repetition,
                columns: first..<leaves.count, key, value)
        }

        private mutating func leaf(
            _ element: ParquetSchemaElement, _ place: Place
        ) throws(FormatFault) -> ParquetNode {
            guard let physical = element.physical else {
                throw FormatFault(
                    .unsupported, expected: "columns with values in \(place.path)", found: "none")
            }
            guard physical != .fixedByteArray || (1...(1 << 24)).contains(element.typeLength)
            else {
                throw FormatFault(
                    expected: "a length of values of \(place.path)",
                    found: "\(element.typeLength)")
            }
            leaves.append(
                ParquetLeaf(
                    path: place.path,
                    type: ParquetType(physical: physical, length: element.typeLength),
                    meaning: element.meaning, chunk: chunk, definitionMax: place.definition,
                    repetitionMax: place.repetition))
            chunk += 1
            return .value(column: leaves.count - 1)
        }
    }
}
