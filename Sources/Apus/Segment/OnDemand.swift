private import ApusCore
private import Synchronization

/// A value that is made when it is first asked for, and once: whoever asks meanwhile waits, and
/// gets the same value or the same error. An error that does not come from files is forgotten: the
/// next one who asks tries again.
final class OnDemand<Value: Sendable>: Sendable {
    private let made = Mutex<Result<Value, any Error>?>(nil)

    func value(_ make: () throws -> sending Value) throws -> Value {
        try made.withLock { made in
            if let made { return made }
            do {
                let value = try make()
                made = .success(value)
                return .success(value)
            } catch {
                if DatabaseError(causedBy: error).isOfFiles { made = .failure(error) }
                return .failure(error)
            }
        }.get()
    }

    /// Whether it was made, or failed to be.
    var isDecided: Bool { made.withLock { $0 != nil } }

    /// The value, if it was made.
    var present: Value? {
        made.withLock { made in
            if case .success(let value)? = made { value } else { nil }
        }
    }
}
