import ApusPipeline
import Dispatch
import Foundation

/// A run of a pipeline that people and other processes can watch and stop.
struct WatchedRun {
    private let work: PipelineRun
    private let file: StatusFile

    init(_ work: PipelineRun, file: String) {
        self.work = work
        self.file = StatusFile(
            forPipelineAt: file, environment: ProcessInfo.processInfo.environment)
    }

    func run() async throws {
        let now = { Int64(Date().timeIntervalSince1970 * 1000) }
        var status = PipelineStatus(
            pipeline: work.name, process: ProcessInfo.processInfo.processIdentifier,
            startedAt: now())
        file.save(status)
        let running = Task { try await work.run() }
        let signals = [SIGINT, SIGTERM].map { Self.onSignal($0) { running.cancel() } }
        let watching = Task { [status] in try await Self.watch(work, file, status) }
        let outcome = await running.result
        watching.cancel()
        _ = await watching.result
        signals.forEach { $0.cancel() }
        status.update(work.monitor.progress, now: now())
        switch outcome {
        case .success(let start):
            status.state = .finished
            status.start = start
        case .failure(let error) where error is CancellationError: status.state = .stopped
        case .failure(let error):
            status.state = .failed
            status.failure = Failure.text(of: error)
        }
        file.save(status)
        StandardError.write(line: Self.text(status))
        print(try StatusReport.json(status))
        if status.state == .failed { _ = try outcome.get() }
    }

    /// Renews the status every second, and tells of it now and then.
    private static func watch(
        _ work: PipelineRun, _ file: StatusFile, _ start: PipelineStatus
    ) async throws {
        var status = start
        for second in 1... {
            try await Task.sleep(for: .seconds(1))
            status.update(
                work.monitor.progress, now: Int64(Date().timeIntervalSince1970 * 1000))
            file.save(status)
            if second % 5 == 0 { StandardError.write(line: text(status)) }
        }
    }

    /// `12000 records (3 set aside), 15000 chunks, 2400.5 records/s, 800 wait`
    private static func text(_ status: PipelineStatus) -> String {
        let counters = status.progress.counters
        var text = "\(counters.read) records"
        if counters.setAside > 0 { text += " (\(counters.setAside) set aside)" }
        text += ", \(counters.chunks) chunks, \(status.rate) records/s"
        if let lag = status.progress.lag { text += ", \(lag) wait" }
        if counters.retries > 0, let failure = status.progress.lastFailure {
            text += "; \(counters.retries) retries, the last after: \(failure)"
        }
        return text
    }

    static func onSignal(
        _ number: Int32, _ body: @escaping @Sendable () -> Void
    ) -> any DispatchSourceSignal {
        signal(number, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: number)
        source.setEventHandler(handler: body)
        source.resume()
        return source
    }
}
