import ApusCore
private import Synchronization

/// The models that turn texts into dense vectors within the server, for `InferredDocument`.
///
/// Requests are decoded far from where a server is put together, so whoever has a model registers it
/// once, at start. Decoding runs on event loops: only models that take microseconds belong here.
package enum DenseModels {
    private struct Model {
        var version: @Sendable () -> String?
        var encoder: @Sendable (String) -> [Float]
    }

    private static let models = Mutex<[String: Model]>([:])

    /// Replaces an earlier one of the same name; case makes no difference. `version` is asked for
    /// with the first text: it may take loading the model.
    package static func register(
        _ name: String, version: @escaping @Sendable () -> String? = { nil },
        _ encoder: @escaping @Sendable (String) -> [Float]
    ) {
        models.withLock { $0[name.lowercased()] = Model(version: version, encoder: encoder) }
    }

    static var names: [String] { models.withLock { $0.keys.sorted() } }

    /// nil: there is no such model.
    static func vector(of text: String, by name: String) -> Vector? {
        let name = name.lowercased()
        guard let model = models.withLock({ $0[name] }) else { return nil }
        let vector = Vector.dense(model.encoder(text))
        if let inferred = InferredVectors.current {
            inferred.note(vector, by: ModelName(name, version: model.version()))
        }
        return vector
    }
}
