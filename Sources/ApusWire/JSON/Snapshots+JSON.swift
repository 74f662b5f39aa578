package import ApusCore

/// A snapshot as answers show it.
package struct SnapshotSummary: Hashable, Sendable {
    package var name: String
    package var creationTime: Timestamp
    package var byteCount: UInt64
    /// SHA-256 of its archive, in hexadecimal.
    package var checksum: String

    package init(name: String, creationTime: Timestamp, byteCount: UInt64, checksum: String) {
        self.name = name
        self.creationTime = creationTime
        self.byteCount = byteCount
        self.checksum = checksum
    }
}

/// The body of `PUT /collections/{collection}/snapshots/recover`.
package struct SnapshotRecovery: Hashable, Sendable {
    /// A URL.
    package var location: String
    /// SHA-256 of the archive, in hexadecimal; nil: not compared.
    package var checksum: String?
    /// For the server at the URL; nil: it is shown none.
    package var apiKey: String?

    package init(location: String, checksum: String? = nil, apiKey: String? = nil) {
        self.location = location
        self.checksum = checksum
        self.apiKey = apiKey
    }

    /// `priority` says which of several replicas wins, and is checked only.
    init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var location: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "location": location = try String(reading: &reader)
            case "checksum": checksum = try reader.optional(String.init(reading:))
            case "api_key": apiKey = try reader.optional(String.init(reading:))
            case "priority":
                let place = reader.position()
                guard let text = try reader.optional(String.init(reading:)) else { continue }
                guard ["no_sync", "snapshot", "replica"].contains(text) else {
                    throw reader.malformed(
                        "unknown variant `\(text)`, expected one of `no_sync`, `snapshot`, "
                            + "`replica`", at: place)
                }
            default: try reader.skipValue()
            }
        }
        self.location = try reader.require(location, "location", ofObjectAt: start)
    }
}

extension RequestDecoder {
    package static func recoverSnapshot(
        _ body: RawSpan
    ) throws(DatabaseError) -> SnapshotRecovery {
        try decode(body, SnapshotRecovery.init(reading:))
    }
}

extension ResponseEncoder {
    package static func snapshot(_ snapshot: SnapshotSummary, seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.write(snapshot) }
    }

    package static func snapshots(_ snapshots: [SnapshotSummary], seconds: Double) -> [UInt8] {
        envelope(seconds) { $0.array(snapshots) { $0.write($1) } }
    }

    /// The work was begun and will be finished.
    package static func accepted(seconds: Double) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("status", "accepted")
        writer.member("time", seconds)
        writer.endObject()
        return writer.bytes
    }
}

extension JSONWriter {
    /// The creation time is UTC and says no zone, as clients expect it.
    fileprivate mutating func write(_ snapshot: SnapshotSummary) {
        beginObject()
        member("name", snapshot.name)
        member("creation_time", String(snapshot.creationTime.description.dropLast()))
        key("size")
        write(snapshot.byteCount)
        member("checksum", snapshot.checksum)
        endObject()
    }
}
