import ApusCore
import Logging
import ServiceLifecycle
import Synchronization

/// Begins the spans of calls, and sends those that are recorded to a collector by OTLP.
///
/// Spans wait in a bounded queue; when the collector does not keep up, or is not there, further
/// ones are dropped and counted. Calls never wait for it.
package final class Tracer: Sendable {
    private let settings: ServerConfiguration.Traces
    private let collector: OTLPCollector?
    private let logger: Logger
    private let queue = Mutex<[Span]>([])
    private let droppedCount = Atomic(0)
    private let exportedCount = Atomic(0)

    /// Of one request, so that none grows without bound.
    private static let batchMax = 512

    /// - Parameter collector: nil: spans go nowhere.
    init(_ settings: ServerConfiguration.Traces, _ collector: OTLPCollector?, logger: Logger) {
        self.settings = settings
        self.collector = collector
        self.logger = logger
    }

    package var isOn: Bool { collector != nil }

    /// Spans that were lost, and that reached the collector.
    var counts: (dropped: Int, exported: Int) {
        (droppedCount.load(ordering: .relaxed), exportedCount.load(ordering: .relaxed))
    }

    /// nil: nothing is recorded, and the caller gave no trace to go on with.
    func begin(_ head: CallHead) -> CallSpan? {
        let parent = head.header("traceparent").flatMap(TraceParent.init(header:))
        guard isOn || parent != nil else { return nil }
        let isSampled =
            isOn && (parent?.isSampled ?? (Double.random(in: 0..<1) < settings.sampleRatio))
        let place = TraceParent(
            traceHigh: parent?.traceHigh ?? CallSpan.newID(),
            traceLow: parent?.traceLow ?? CallSpan.newID(), spanID: CallSpan.newID(),
            isSampled: isSampled)
        return CallSpan(name: head.method, place: place, parentID: parent?.spanID)
    }

    func end(_ span: CallSpan, failure: String?) {
        guard span.isRecorded else { return }
        let spans = span.finish(failure: failure)
        let isTaken = queue.withLock { queue in
            guard queue.count + spans.count <= settings.queueMax else { return false }
            queue += spans
            return true
        }
        if !isTaken { droppedCount.wrappingAdd(spans.count, ordering: .relaxed) }
    }

    /// Sends what waits, in batches; what cannot be sent is lost.
    private func flush(_ send: @Sendable ([UInt8]) async throws -> Void) async {
        while true {
            let batch = queue.withLock { queue -> [Span] in
                let batch = Array(queue.prefix(Self.batchMax))
                queue.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            do {
                try await send(OTLPMessage.request(batch, service: settings.serviceName))
                exportedCount.wrappingAdd(batch.count, ordering: .relaxed)
            } catch {
                droppedCount.wrappingAdd(batch.count, ordering: .relaxed)
                logger.warning("spans were not exported", metadata: ["error": "\(error)"])
                return
            }
        }
    }
}

extension Tracer: Service {
    /// Exports until the server ends, and then what is left.
    package func run() async throws {
        guard let collector else { return try await gracefulShutdown() }
        try await collector.connected { [settings] send in
            await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    try? await Task.sleep(for: settings.exportInterval)
                    await self.flush(send)
                }
            }
            await self.flush(send)
        }
    }
}
