/// What vectors come from: a model, and which version of it.
public struct ModelName: Hashable, Sendable, Codable, CustomStringConvertible {
    public var id: String
    /// Changes whenever the same text would get another vector; nil: any.
    public var version: String?

    /// An empty version is none.
    public init(_ id: String, version: String? = nil) {
        self.id = id
        self.version = version == "" ? nil : version
    }

    /// `id`, or `id@version`; what stands behind the last `@` is the version.
    public init(text: String) {
        guard let at = text.lastIndex(of: "@"), at != text.startIndex else {
            self.init(text)
            return
        }
        self.init(String(text[..<at]), version: String(text[text.index(after: at)...]))
    }

    public var description: String { version.map { "\(id)@\($0)" } ?? id }

    /// Whether both may be the same: a version that one of them does not say is any.
    package func agrees(with other: ModelName) -> Bool {
        guard id == other.id else { return false }
        guard let version, let theirs = other.version else { return true }
        return version == theirs
    }
}

/// The models that a call says its vectors come from.
public struct ModelDeclaration: Hashable, Sendable {
    /// Of every dense vector in the call whose field is not in `fields`; of a call without dense
    /// vectors, of its sparse ones.
    public var any: ModelName?
    /// By vector field; the unnamed one is `""`.
    public var fields: [String: ModelName]

    public init(any: ModelName? = nil, fields: [String: ModelName] = [:]) {
        self.any = any
        self.fields = fields
    }

    /// `id`, `id@version`, or by vector field `text=id@version,image=id`; before `=` may be nothing,
    /// which is the unnamed field. What would be misread, or is not ASCII, is percent-encoded.
    ///
    /// - Parameter place: where the text stands, for errors: "header apus-model".
    /// - Throws: `invalidArgument`.
    package init(text: String, in place: String) throws(DatabaseError) {
        self.init()
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let model = sides.last, let name = Self.name(model) else {
                throw Self.malformed(text, in: place)
            }
            if sides.count == 1 {
                guard any == nil else { throw Self.malformed(text, in: place) }
                any = name
            } else {
                guard let field = Self.decoded(sides[0]),
                    fields.updateValue(name, forKey: field) == nil
                else { throw Self.malformed(text, in: place) }
            }
        }
    }

    /// In the form that `init(text:in:)` reads.
    package var text: String {
        func text(_ name: ModelName) -> String {
            Self.encoded(name.id) + (name.version.map { "@" + Self.encoded($0) } ?? "")
        }
        let named = fields.sorted { $0.key < $1.key }.map {
            "\(Self.encoded($0.key))=\(text($0.value))"
        }
        return ((any.map { [text($0)] } ?? []) + named).joined(separator: ",")
    }

    private static func malformed(_ text: String, in place: String) -> DatabaseError {
        DatabaseError(
            .invalidArgument,
            "Format error in \(place): `\(text)`, expected the id of a model, id@version, or "
                + "field=id@version with a comma between several")
    }

    /// nil: it has no id, or is no percent-encoding of UTF-8.
    private static func name(_ text: Substring) -> ModelName? {
        var sides = [text]
        if let at = text.lastIndex(of: "@"), at != text.startIndex {
            sides = [text[..<at], text[text.index(after: at)...]]
        }
        let parts = sides.compactMap { decoded($0.trimmingSpaces) }
        guard parts.count == sides.count, let id = parts.first, !id.isEmpty else { return nil }
        return ModelName(id, version: parts.count > 1 ? parts[1] : nil)
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.trimmingSpaces.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard digits.count == 2, !digits.contains(UInt8(ascii: "+")),
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func encoded(_ text: String) -> String {
        var result = ""
        for byte in text.utf8 {
            let isPlain = (0x21...0x7E).contains(byte) && !",=@%".utf8.contains(byte)
            result +=
                isPlain
                ? String(UnicodeScalar(byte))
                : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        return result
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
