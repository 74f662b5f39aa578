import ApusCore
private import Synchronization

/// The models that turn texts into dense vectors within the server, for `InferredDocument`.
///
/// Requests are decoded far from where a server is put together, so whoever has a model registers it
/// once, at start. Decoding runs on event loops: only models that take microseconds belong here.
package enum DenseModels {
    private static let encoders = Mutex<[String: @Sendable (String) -> [Float]]>([:])

    /// Replaces an earlier one of the same name; case makes no difference.
    package static func register(
        _ name: String, _ encoder: @escaping @Sendable (String) -> [Float]
    ) {
        encoders.withLock { $0[name.lowercased()] = encoder }
    }

    static var names: [String] { encoders.withLock { $0.keys.sorted() } }

    /// nil: there is no such model.
    static func vector(of text: String, by name: String) -> Vector? {
        encoders.withLock { $0[name.lowercased()] }.map { .dense($0(text)) }
    }
}
