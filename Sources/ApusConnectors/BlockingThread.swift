private import ApusCore

/// A thread for the calls of a C library that block, so that they do not hold up tasks.
///
/// What it works on belongs to it: `State` is made and used on the thread only.
final class BlockingThread<State>: Sendable {
    private let pool: WorkerPool
    private let box: Box

    /// Sendable: `state` is touched by jobs of the pool only, which has one thread.
    private final class Box: @unchecked Sendable {
        var state: State?
    }

    init(name: String) {
        pool = WorkerPool(name: name, threadCount: 1)
        box = Box()
    }

    /// Runs `body` on the thread with the state, which `make` makes when there is none.
    func run<Value: Sendable>(
        making make: @escaping @Sendable () throws -> State,
        _ body: @escaping @Sendable (inout State) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            pool.submit { [box] in
                continuation.resume(
                    with: Result {
                        var state = try box.state ?? make()
                        box.state = nil
                        defer { box.state = state }
                        return try body(&state)
                    })
            }
        }
    }

    /// Lets go of the state, then ends the thread.
    func close() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            pool.submit { [box] in
                box.state = nil
                continuation.resume()
            }
        }
        pool.shutdown()
    }
}
