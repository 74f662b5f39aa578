private import ApusCore
private import Dispatch
private import Synchronization

/// A result that one thread waits for and another one sets.
final class BlockingResult<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let isSet = DispatchSemaphore(value: 0)

    func set(_ value: Result<Value, any Error>) {
        result.withLock { $0 = value }
        isSet.signal()
    }

    func wait() throws -> Value {
        isSet.wait()
        guard let result = result.withLock({ $0 }) else {
            throw DatabaseError(.internalError, "a result was announced and not set")
        }
        return try result.get()
    }
}
