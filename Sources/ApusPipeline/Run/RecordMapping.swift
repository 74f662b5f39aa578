package import ApusCore

/// What of a record goes into the collection.
package struct RecordMapping: Sendable {
    /// Which of a record's fields become members of the payload.
    package enum Members: Hashable, Sendable {
        case all
        /// By the names that they get.
        case fields([String: PayloadPath])
    }

    /// nil: the record's document, or its field `text`.
    package var text: TextTemplate?
    package var members = Members.all
    /// Records that do not match are left out.
    package var filter: Filter? { didSet { compiled = filter.map { CompiledFilter($0) } } }
    /// The field that has the vector, where nothing is embedded.
    package var vector: PayloadPath?
    /// Numbers that it has.
    package var vectorDimension: Int?
    /// The member of the payload that gets a chunk's text; nil: none does.
    package var textMember: String? = "text"
    private var compiled: CompiledFilter?

    package init() {}

    /// The member that a record has its text in when nothing else is said.
    private static let usualText = "text"

    package enum Mapped: Sendable {
        case document(MappedRecord)
        /// It is not to be in the collection.
        case leftOut
        case invalid(reason: String)
    }

    package func map(_ content: RecordContent) -> Mapped {
        let fields = content.fields
        if let compiled,
            !compiled.matches(id: .number(0), payload: fields, hasVector: { _ in false })
        {
            return .leftOut
        }
        var mapped = MappedRecord(payload: payload(of: fields), text: .plain(""))
        if let vector {
            switch Self.floats(fields.value(at: vector)) {
            case .success(let floats):
                if let vectorDimension, floats.count != vectorDimension {
                    return .invalid(
                        reason: "field '\(vector)' has \(floats.count) numbers, expected "
                            + "\(vectorDimension)")
                }
                mapped.vector = floats
            case .failure(let failure):
                return .invalid(reason: "field '\(vector)': \(failure.description)")
            }
        }
        if let text {
            mapped.text = .plain(text.text(of: fields))
        } else if let document = content.document {
            mapped.text = .document(document)
        } else if let text = fields[Self.usualText] {
            mapped.text = .plain(text.plainText)
        } else if vector == nil {
            return .invalid(
                reason: "no field '\(Self.usualText)', and the pipeline says no other text")
        }
        return .document(mapped)
    }

    private func payload(of fields: Payload) -> Payload {
        switch members {
        case .all:
            var payload = fields
            if let vector, case .key(let key)? = vector.steps.first { payload[key] = nil }
            if text == nil { payload[Self.usualText] = nil }
            return payload
        case .fields(let paths):
            var payload: Payload = [:]
            payload.reserveCapacity(paths.count + ChunkPoint.membersMax)
            for (name, path) in paths {
                if let value = fields.value(at: path) { payload[name] = value }
            }
            return payload
        }
    }

    private struct NoVector: Error { var description: String }

    private static func floats(_ value: JSONValue?) -> Result<[Float], NoVector> {
        var value = value
        // As PostgreSQL writes pgvector's columns.
        if case .string(let text)? = value, text.hasPrefix("[") {
            value = try? JSONParser.value(in: Array(text.utf8))
        }
        guard case .array(let elements)? = value else {
            return .failure(NoVector(description: "expected an array of numbers"))
        }
        var floats: [Float] = []
        floats.reserveCapacity(elements.count)
        for (position, element) in elements.enumerated() {
            let float: Float? =
                switch element {
                case .double(let number): Float(number)
                case .integer(let number): Float(number)
                default: nil
                }
            guard let float, float.isFinite else {
                return .failure(
                    NoVector(
                        description: "expected a finite number at position \(position), found "
                            + String(element.plainText.prefix(40))))
            }
            floats.append(float)
        }
        return .success(floats)
    }

    /// The top fields that it looks at; nil: it may be any.
    package var fieldsNeeded: Set<String>? {
        guard case .fields(let members) = members else { return nil }
        var paths = Array(members.values) + (text?.paths ?? [PayloadPath(key: Self.usualText)])
        if let vector { paths.append(vector) }
        if let filter {
            guard let filtered = filter.paths else { return nil }
            paths += filtered
        }
        return Set(paths.compactMap(\.firstKey))
    }

    /// Changes with everything that this does to records.
    package var signature: String {
        let fields: String =
            switch members {
            case .all: "all"
            case .fields(let paths):
                paths.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ",")
            }
        return "text=\(text?.source ?? "") members=\(fields) filter=\(filterSignature) "
            + "vector=\(vector?.description ?? "") textMember=\(textMember ?? "")"
    }

    /// The filter as it was declared.
    package var filterSignature = ""
}

extension Filter {
    /// The fields that it looks at; nil: not only fields.
    fileprivate var paths: [PayloadPath]? {
        var paths: [PayloadPath] = []
        for condition in must + should + mustNot + (minShould?.conditions ?? []) {
            switch condition {
            case .field(let path, _), .isEmpty(let path), .isNull(let path), .nested(let path, _):
                paths.append(path)
            case .filter(let inner):
                guard let inner = inner.paths else { return nil }
                paths += inner
            case .hasID, .hasVector, .slice: return nil
            }
        }
        return paths
    }
}

extension PayloadPath {
    /// The member of the record itself that it goes through.
    package var firstKey: String? {
        if case .key(let key)? = steps.first { key } else { nil }
    }
}

/// A record as the collection is to have it, not cut yet.
package struct MappedRecord: Sendable {
    package enum Text: Sendable {
        case plain(String)
        /// With a form of its own.
        case document(DocumentText)

        /// UTF-8.
        var bytes: [UInt8] {
            switch self {
            case .plain(let text): Array(text.utf8)
            case .document(let document): document.bytes
            }
        }
    }

    package var payload: Payload
    package var text: Text
    /// Where the record has one of its own.
    package var vector: [Float]?
}
