package import ApusCore
package import ApusPipeline

/// The entries of a Redis stream, or the hashes whose keys match a pattern.
package struct RedisOrigin: RecordOrigin {
    package enum Content: Hashable, Sendable {
        /// In the order of their ids. Entries that are trimmed before they were read are not seen.
        case stream(String)
        /// All of them, at every run.
        case hashes(pattern: String)
    }

    package struct Settings: Sendable {
        package var host: String
        package var port: Int
        package var password: Reference?
        package var content: Content
        /// The fields that name a record; nil: the entry's id or the hash's key does.
        package var key: RecordKey?
        /// Fields that are little-endian 32-bit floats, as vector indexes of Redis have them.
        package var vectors: Set<String> = []

        init(_ declaration: Declaration) throws(DeclarationProblem) {
            let values = try declaration.members([
                "host", "port", "password", "stream", "hashes", "key", "vectors",
            ])
            host = try values["host"]?.text() ?? "localhost"
            port = try values["port"]?.integer(1...65_535) ?? 6379
            password = try values["password"].map { value throws(DeclarationProblem) in
                try Reference(secret: value)
            }
            key = try values["key"]?.recordKey()
            switch (values["stream"], values["hashes"]) {
            case (let stream?, nil): content = .stream(try stream.text())
            case (nil, let pattern?): content = .hashes(pattern: try pattern.text())
            default: throw declaration.problem("expected one of 'stream' and 'hashes'")
            }
            if let list = values["vectors"] {
                for field in try list.listOrOne() { vectors.insert(try field.text()) }
            }
        }
    }

    package let settings: Settings

    package init(_ settings: Settings) { self.settings = settings }

    package var identity: String {
        "redis \(settings.host):\(settings.port) \(settings.content) "
            + "key=\(settings.key?.description ?? "")"
    }

    package var showsAll: Bool {
        switch settings.content {
        case .stream: false
        case .hashes: true
        }
    }

    package func open(at position: JSONValue?) async throws -> any RecordSource {
        switch settings.content {
        case .stream(let name): RedisStream(settings, name, at: position)
        case .hashes(let pattern): RedisHashes(settings, pattern, at: position)
        }
    }

    package var explanation: String {
        let server = "Redis at \(settings.host):\(settings.port)"
        return switch settings.content {
        case .stream(let name): "the stream \(name) of \(server), from its first entry on"
        case .hashes(let pattern):
            "all hashes \(pattern) of \(server) at every run; those that are gone are deleted"
        }
    }

    static func connect(_ settings: Settings) throws(StageError) -> RedisConnection {
        try RedisConnection(
            host: settings.host, port: settings.port, password: try settings.password?.value(),
            stage: "source")
    }

    /// The record of a list of names and values.
    static func record(
        _ settings: Settings, name: String, place: String, time: Int64?,
        _ members: [RedisConnection.Reply]
    ) -> SourceRecord {
        // The key may be in what cannot be read.
        var record = SourceRecord(
            key: settings.key == nil ? name : "", place: place, time: time,
            change: .put(RecordContent(fields: [:])))
        var fields: Payload = [:]
        for index in stride(from: 0, to: members.count - 1, by: 2) {
            guard let field = members[index].string, case .text(let bytes) = members[index + 1]
            else {
                record.change = .malformed(reason: "a field's name is not UTF-8", raw: "")
                return record
            }
            if settings.vectors.contains(field) {
                guard bytes.count.isMultiple(of: 4) else {
                    record.change = .malformed(
                        reason: "field '\(field)' has \(bytes.count) bytes, which are no floats",
                        raw: "")
                    return record
                }
                fields[field] = .array(
                    LittleEndian.floats(bytes).map { .double(Double($0)) })
            } else if let text = String(validating: bytes, as: UTF8.self) {
                fields[field] = .string(text)
            } else {
                record.change = .malformed(reason: "field '\(field)' is not UTF-8", raw: "")
                return record
            }
        }
        let content = RecordContent(fields: fields)
        if let key = settings.key {
            return SourceRecord(namedBy: key, place: place, time: time, content)
        }
        record.change = .put(content)
        return record
    }
}
