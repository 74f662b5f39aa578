import ApusCore
import AsyncHTTPClient
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// Begins the spans of calls, and sends those that are recorded to a collector by OTLP over HTTP.
///
/// Spans wait in a bounded queue; when the collector does not keep up, or is not there, further
/// ones are dropped and counted. Calls never wait for it.
package final class Tracer: Sendable {
    private let settings: ServerConfiguration.Traces
    private let client: HTTPClient?
    private let logger: Logger
    private let queue = Mutex<[Span]>([])
    private let droppedCount = Atomic(0)
    private let exportedCount = Atomic(0)

    /// Of one request, so that none grows without bound.
    private static let batchMax = 512

    init(_ settings: ServerConfiguration.Traces, client: HTTPClient?, logger: Logger) {
        self.settings = settings
        self.client = client
        self.logger = logger
    }

    package var isOn: Bool { settings.endpoint != nil }

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
    func flush() async {
        while true {
            let batch = queue.withLock { queue -> [Span] in
                let batch = Array(queue.prefix(Self.batchMax))
                queue.removeFirst(batch.count)
                return batch
            }
            guard !batch.isEmpty else { return }
            do {
                try await send(batch)
                exportedCount.wrappingAdd(batch.count, ordering: .relaxed)
            } catch {
                droppedCount.wrappingAdd(batch.count, ordering: .relaxed)
                logger.warning("spans were not exported", metadata: ["error": "\(error)"])
                return
            }
        }
    }

    private func send(_ spans: [Span]) async throws {
        guard let endpoint = settings.endpoint, let client else { return }
        var request = HTTPClientRequest(url: endpoint)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-protobuf")
        for pair in (settings.headers ?? "").split(separator: ",") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            request.headers.add(
                name: String(parts[0].trimmingSpaces), value: String(parts[1].trimmingSpaces))
        }
        request.body = .bytes(
            OTLP.request(
                spans, service: settings.serviceName, version: ServerVersion.current.apus))
        let answer = try await client.execute(request, timeout: .seconds(10))
        guard (200..<300).contains(answer.status.code) else {
            throw ExportRefused(status: Int(answer.status.code))
        }
    }

    private struct ExportRefused: Error, CustomStringConvertible {
        var status: Int
        var description: String { "the collector answered \(status)" }
    }
}

extension Tracer: Service {
    /// Exports until the server ends, and then what is left.
    package func run() async throws {
        guard isOn else { return try await gracefulShutdown() }
        await cancelWhenGracefulShutdown { [settings] in
            while !Task.isCancelled {
                try? await Task.sleep(for: settings.exportInterval)
                await self.flush()
            }
        }
        await flush()
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return text
    }
}
