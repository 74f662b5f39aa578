package import ApusCore
private import Synchronization

/// The vectors that the server made of a call's texts, with the models that made them: whoever knows
/// which fields they are for compares these with a collection's card.
///
/// Requests are decoded before anybody looks at a collection, and into values that do not say where a
/// vector comes from. So decoding puts it down here, under the vector itself.
package final class InferredVectors: Sendable {
    /// Of the call that is decoded; nil: nobody asks.
    @TaskLocal package static var current: InferredVectors?

    private let models = Mutex<[Vector: ModelName]>([:])

    package init() {}

    func note(_ vector: Vector, by model: ModelName) {
        models.withLock { $0[vector] = model }
    }

    /// Those since the last time. A call that streams asks batch by batch.
    package func take() -> [Vector: ModelName] {
        models.withLock { models in
            defer { models = [:] }
            return models
        }
    }
}
