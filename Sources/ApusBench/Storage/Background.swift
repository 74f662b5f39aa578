private import Dispatch
private import Foundation
private import Synchronization

/// Work on a thread of its own, whose result is waited for once.
final class Background<Value: Sendable>: Sendable {
    private let result = Mutex<Result<Value, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    init(_ work: @escaping @Sendable () throws -> Value) {
        let thread = Thread { [self] in
            let outcome = Result(catching: work)
            result.withLock { $0 = outcome }
            done.signal()
        }
        thread.start()
    }

    var isDone: Bool { result.withLock { $0 != nil } }

    func wait() throws -> Value {
        done.wait()
        guard let result = result.withLock({ $0 }) else { throw BenchError("no result") }
        return try result.get()
    }
}
