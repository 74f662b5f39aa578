import ApusCore
import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// Sends what a scrape would get to a collector, again and again, and once more at the end.
package final class MetricsExporter: Service {
    private let collector: OTLPCollector?
    private let settings: ServerConfiguration.Metrics
    private let service: String
    private let logger: Logger
    private let start = MetricsExporter.nanosecondsNow
    /// nil: the database is not open yet.
    private let source = Mutex<ServerMetrics?>(nil)

    init(
        _ collector: OTLPCollector?, _ settings: ServerConfiguration.Metrics, service: String,
        logger: Logger
    ) {
        self.collector = collector
        self.settings = settings
        self.service = service
        self.logger = logger
    }

    var metrics: ServerMetrics? {
        get { source.withLock { $0 } }
        set { source.withLock { $0 = newValue } }
    }

    package func run() async throws {
        guard let collector else { return try await gracefulShutdown() }
        try await collector.connected { send in
            await cancelWhenGracefulShutdown {
                while !Task.isCancelled {
                    try? await Task.sleep(for: self.settings.exportInterval)
                    if !Task.isCancelled { await self.export(send) }
                }
            }
            await self.export(send)
        }
    }

    private func export(_ send: @Sendable ([UInt8]) async throws -> Void) async {
        guard let metrics else { return }
        let page = await metrics.page()
        let times = OTLPMessage.Times(start: start, now: Self.nanosecondsNow)
        do {
            try await send(OTLPMessage.request(page, times, service: service))
        } catch {
            logger.warning("metrics were not exported", metadata: ["error": "\(error)"])
        }
    }

    private static var nanosecondsNow: UInt64 {
        UInt64(max(0, Date.now.timeIntervalSince1970) * 1e9)
    }
}
