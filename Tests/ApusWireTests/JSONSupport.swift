import ApusCore
import ApusWire
import Foundation

/// The bodies that qdrant-client sends, recorded by Fixtures/wire/rest/capture.py. A body's name is
/// that of its decoder, and after a hyphen what is special about it.
enum CapturedBodies {
    static func all() throws -> [(name: String, bytes: [UInt8])] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }
            .sorted { $0.path < $1.path }
            .map {
                ($0.deletingPathExtension().lastPathComponent, [UInt8](try Data(contentsOf: $0)))
            }
    }

    static func body(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appending(path: "\(name).json")))
    }

    private static var folder: URL {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return tests.deletingLastPathComponent().appending(path: "Fixtures/wire/rest")
    }
}

/// Decodes a body with the decoder that its name begins with.
func decode(_ name: String, _ body: [UInt8]) throws(DatabaseError) -> Any {
    let body = unsafe body.span.bytes
    return switch name.prefix(while: { $0 != "-" }) {
    case "createCollection": try RequestDecoder.createCollection(body)
    case "updateCollection": try RequestDecoder.updateCollection(body)
    case "changeAliases": try RequestDecoder.changeAliases(body)
    case "createFieldIndex": try RequestDecoder.createFieldIndex(body)
    case "createVectorField": try RequestDecoder.createVectorField(body)
    case "upsert": try RequestDecoder.upsert(body)
    case "deletePoints": try RequestDecoder.deletePoints(body)
    case "updateVectors": try RequestDecoder.updateVectors(body)
    case "deleteVectors": try RequestDecoder.deleteVectors(body)
    case "setPayload": try RequestDecoder.setPayload(body)
    case "overwritePayload": try RequestDecoder.overwritePayload(body)
    case "deletePayload": try RequestDecoder.deletePayload(body)
    case "clearPayload": try RequestDecoder.clearPayload(body)
    case "batch": try RequestDecoder.batch(body)
    case "retrieve": try RequestDecoder.retrieve(body)
    case "scroll": try RequestDecoder.scroll(body)
    case "count": try RequestDecoder.count(body)
    case "query": try RequestDecoder.query(body)
    case "queryBatch": try RequestDecoder.queryBatch(body)
    case "queryGroups": try RequestDecoder.queryGroups(body)
    case "search": try RequestDecoder.search(body)
    case "searchBatch": try RequestDecoder.searchBatch(body)
    case "searchGroups": try RequestDecoder.searchGroups(body)
    case "recommend": try RequestDecoder.recommend(body)
    case "recommendBatch": try RequestDecoder.recommendBatch(body)
    case "recommendGroups": try RequestDecoder.recommendGroups(body)
    case "discover": try RequestDecoder.discover(body)
    case "discoverBatch": try RequestDecoder.discoverBatch(body)
    case "facets": try RequestDecoder.facets(body)
    case "matrix": try RequestDecoder.matrix(body)
    default: throw DatabaseError(.internalError, "no decoder is called \(name)")
    }
}

/// What decoding `text` with the decoder of that name yields or throws.
func decode<Value>(_ name: String, _ text: String, as type: Value.Type = Value.self) throws -> Value
{
    guard let value = try decode(name, Array(text.utf8)) as? Value else {
        throw DatabaseError(.internalError, "\(name) decodes to another type than \(Value.self)")
    }
    return value
}

/// The error that decoding `text` throws, or nil.
func decodingError(_ name: String, _ text: String) -> DatabaseError? {
    do throws(DatabaseError) {
        _ = try decode(name, Array(text.utf8))
        return nil
    } catch { return error }
}

/// Reads one JSON value that is the whole text.
func parse(_ text: String) throws(DatabaseError) -> JSONValue { try parse(Array(text.utf8)) }

func parse(_ bytes: [UInt8]) throws(DatabaseError) -> JSONValue {
    try unsafe RequestDecoder.decode(bytes.span.bytes) { (reader) throws(JSONError) in
        try reader.readValue()
    }
}

func parseFloats(_ text: String) throws(DatabaseError) -> [Float] {
    try unsafe RequestDecoder.decode(Array(text.utf8).span.bytes) { (reader) throws(JSONError) in
        try reader.readFloats()
    }
}
