/// What the acknowledgement of a write promises.
public enum Durability: Hashable, Sendable {
    /// The batch is on disk.
    case sync
    /// The batch is with the operating system, and on disk at most so many milliseconds later: it
    /// survives the end of the process, but a power failure may take it if it comes sooner.
    case async(maxDelayMilliseconds: Int)

    /// Delays that a collection may have.
    public static let delayMillisecondsBounds = 1...10_000
}

extension Durability {
    /// The name of `sync`, and of the member that holds the milliseconds of `async`; the same in
    /// manifests and on the wire.
    package static let syncName = "sync"
    package static let delayName = "async_ms"
}

/// `"sync"` or `{"async_ms": 200}`.
extension Durability: Codable {
    private struct AsyncForm: Codable {
        var milliseconds: Int

        enum CodingKeys: String, CodingKey { case milliseconds = "async_ms" }
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let name = try? container.decode(String.self) {
            guard name == Self.syncName else {
                throw DecodingError.dataCorruptedError(
                    in: container, debugDescription: "`\(name)` is no durability")
            }
            self = .sync
        } else {
            self = .async(maxDelayMilliseconds: try container.decode(AsyncForm.self).milliseconds)
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .sync: try container.encode(Self.syncName)
        case .async(let delay): try container.encode(AsyncForm(milliseconds: delay))
        }
    }
}
