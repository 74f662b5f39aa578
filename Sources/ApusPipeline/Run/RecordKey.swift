package import ApusCore

/// The fields that name a record, all of them together.
///
/// A key of one field is that field's text. One of several is the JSON array of their texts, so that
/// `["a", "b,c"]` and `["a,b", "c"]` are two.
package struct RecordKey: Hashable, Sendable, CustomStringConvertible {
    /// At least one.
    package let fields: [PayloadPath]

    package init(_ fields: [PayloadPath]) { self.fields = fields }

    package var description: String { Self.text(of: fields.map(\.description)) }

    /// The top-level fields that have them.
    package var topFields: Set<String> { Set(fields.compactMap(\.firstKey)) }

    /// The key of a record. Every field must have a value, and an only one must not be empty.
    package func text(in content: Payload) throws(MissingField) -> String {
        if fields.count == 1, let only = fields.first {
            let text = try Self.text(of: only, in: content)
            guard !text.isEmpty else { throw MissingField(field: only) }
            return text
        }
        let parts = try fields.map { field throws(MissingField) in
            try Self.text(of: field, in: content)
        }
        return Self.text(of: parts)
    }

    private static func text(
        of field: PayloadPath, in content: Payload
    ) throws(MissingField) -> String {
        guard let value = content.value(at: field), value != .null else {
            throw MissingField(field: field)
        }
        return value.plainText
    }

    package struct MissingField: Error, CustomStringConvertible {
        let field: PayloadPath
        package var description: String { "no field '\(field)', which names records" }
    }

    /// The texts of a key's parts as one.
    package static func text(of parts: [String]) -> String {
        if parts.count == 1, let only = parts.first { return only }
        return JSONValue.array(parts.map { .string($0) }).jsonText
    }

    /// The parts of a key's text; nil: it does not have so many.
    package static func parts(of text: String, count: Int) -> [String]? {
        if count == 1 { return [text] }
        guard case .array(let values)? = try? JSONParser.value(in: Array(text.utf8)),
            values.count == count
        else { return nil }
        var parts: [String] = []
        for case .string(let part) in values { parts.append(part) }
        return parts.count == count ? parts : nil
    }
}

extension SourceRecord {
    /// A record that fields of its content name; a malformed one where they are missing.
    package init(
        namedBy key: RecordKey, place: @escaping @autoclosure @Sendable () -> String,
        time: Int64? = nil, _ content: RecordContent
    ) {
        do throws(RecordKey.MissingField) {
            self.init(
                key: try key.text(in: content.fields), place: place(), time: time,
                change: .put(content))
        } catch {
            self.init(
                key: "", place: place(), time: time,
                change: .malformed(
                    reason: error.description, raw: JSONValue.object(content.fields).jsonText))
        }
    }
}
