import ApusCore
import ApusText
import ApusWire

/// Reads requests' JSON bodies and writes JSON answers; what is large goes to the engine's
/// threads.
struct JSONExchange: Sendable {
    let operations: Operations
    let bodyBytesMax: Int
    let uploadBytesMax: Int

    /// Up to so many bytes are decoded in place: less work than a hop to another thread is worth.
    private static let inPlaceBytesMax = 64 << 10
    /// The same for encoding.
    private static let inPlacePointsMax = 128

    /// The whole body, as `decode` reads it.
    func read<Value: Sendable>(
        _ call: RESTCall, _ decode: @escaping @Sendable (RawSpan) throws(DatabaseError) -> Value
    ) async throws -> Value {
        let bytes = try await call.http.body(bodyBytesMax)
        // The bytes view of a span counts as unsafe because elements may have padding; bytes have
        // none.
        if bytes.count <= Self.inPlaceBytesMax { return try decode(unsafe bytes.span.bytes) }
        let inferred = InferredVectors.current
        return try await operations.database.perform {
            try InferredVectors.$current.withValue(inferred) {
                try decode(unsafe bytes.span.bytes)
            }
        }
    }

    /// The answer that `encode` makes, given how many seconds the request took. `points` says how
    /// large it will be.
    func answer(
        _ call: RESTCall, points: Int = 0,
        _ encode: @escaping @Sendable (_ seconds: Double) -> [UInt8]
    ) async throws -> HTTPAnswer {
        let start = call.start
        if points <= Self.inPlacePointsMax { return .json(encode(start.secondsToNow)) }
        return try await operations.database.perform { .json(encode(start.secondsToNow)) }
    }
}

extension ContinuousClock.Instant {
    var secondsToNow: Double { (ContinuousClock.now - self).seconds }
}
