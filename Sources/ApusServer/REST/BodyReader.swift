import ApusCore

/// Reads a request's JSON body and decodes it, a large one on the engine's threads.
struct BodyReader: Sendable {
    let operations: Operations
    let bytesMax: Int

    /// Up to so many bytes are decoded in place: less work than a hop to another thread is worth.
    private static let inPlaceBytesMax = 64 << 10

    func read<Value: Sendable>(
        _ call: RESTCall, _ decode: @escaping @Sendable ([UInt8]) throws -> Value
    ) async throws -> Value {
        let bytes = try await call.http.body(bytesMax)
        if bytes.count <= Self.inPlaceBytesMax { return try decode(bytes) }
        return try await operations.database.perform { try decode(bytes) }
    }
}
