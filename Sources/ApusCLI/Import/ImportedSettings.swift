import ApusCore
import ApusPipeline
import ApusWire

/// Settings as the wire API says them.
enum ImportedSettings {
    static func configuration(_ body: JSONValue) throws -> CollectionConfiguration {
        let bytes = JSONText.bytes(of: body)
        return try unsafe RequestDecoder.createCollection(bytes.span.bytes).configuration
    }

    static func payloadIndex(_ body: JSONValue) throws -> FieldIndexRequest {
        let bytes = JSONText.bytes(of: body)
        return try unsafe RequestDecoder.createFieldIndex(bytes.span.bytes)
    }
}
