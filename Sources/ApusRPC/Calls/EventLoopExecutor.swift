internal import NIOCore

/// Runs the tasks of calls on the event loop that carries their bytes.
///
/// Otherwise every call moves between the loop and the cooperative pool several times. Only
/// decoding, encoding and bookkeeping may run here.
package final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { [self] in
            unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        }
    }
}
