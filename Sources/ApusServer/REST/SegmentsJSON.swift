package import Apus
import ApusCore
import ApusWire

/// The body of `POST /apus/v1/collections/{collection}/segments/attach`.
package struct SegmentsRequest: Hashable, Sendable {
    /// Folders below the server's directory for built segments.
    package var builds: [String]
    package private(set) var existing = ExistingPoints.replace
    /// As it was written.
    private var existingText: String?

    init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var builds: [String]?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "builds":
                builds = try reader.array { (reader) throws(JSONError) in try reader.readString() }
            case "existing":
                let text = try reader.optional { (reader) throws(JSONError) in
                    try reader.readString()
                }
                if let text { existingText = text }
            default: try reader.skipValue()
            }
        }
        self.builds = try reader.require(builds, "builds", ofObjectAt: start)
    }

    /// Throws for a word that is none.
    fileprivate func checked() throws(DatabaseError) -> SegmentsRequest {
        guard let existingText else { return self }
        guard let existing = ExistingPoints(rawValue: existingText) else {
            throw DatabaseError(
                .invalidArgument,
                "Format error in JSON body: existing: unknown variant `\(existingText)`, expected "
                    + "`replace` or `fail`")
        }
        var request = self
        request.existing = existing
        return request
    }
}

extension RequestDecoder {
    static func attachSegments(_ body: RawSpan) throws(DatabaseError) -> SegmentsRequest {
        try decode(body, SegmentsRequest.init(reading:)).checked()
    }
}

extension ResponseEncoder {
    static func attached(_ report: AttachReport, seconds: Double) -> [UInt8] {
        envelope(seconds) { writer in
            writer.beginObject()
            for (key, ids) in [("attached", report.attached), ("skipped", report.skipped)] {
                writer.key(key)
                writer.array(ids) { $0.write($1) }
            }
            writer.member("segments", report.segments)
            writer.member("points", report.points)
            writer.member("replaced", report.replaced)
            writer.member("duplicates", report.duplicates)
            writer.key("version")
            writer.write(report.sequenceNumber.rawValue)
            writer.endObject()
        }
    }
}
