import NIOCore

/// Runs the tasks of gRPC calls on the event loop that carries their bytes.
///
/// The library otherwise moves every call between the loop and the cooperative pool several times.
/// Only decoding, encoding and bookkeeping run here: the engine's `async` methods run on the
/// engine's own threads. What it brings is in docs/performance.md.
final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { [self] in
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
