import Apus
import AsyncHTTPClient
import Logging

/// What a server is made of beside its doors and its database.
struct ServerParts: Sendable {
    let configuration: ServerConfiguration
    let logger: Logger
    let tls: TLSIdentity?
    let gate: CallGate
    let tracer: Tracer
    let exporter: MetricsExporter
    let requests = RequestMetrics()
    let admission: Admission
    let stages = SearchStages()
    let reloader: Reloader
    private let authorizer: Authorizer

    /// Reads certificates and keys. Throws `ConfigurationError`.
    init(_ configuration: ServerConfiguration, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        let tls = try TLSIdentity(configuration.tls)
        let authenticator = try Authenticator(configuration.auth)
        let audit = try AuditLog(configuration.audit, logger: logger)
        self.tls = tls
        // One for the process's lifetime, on the event loops that all clients share.
        let client = HTTPClient.shared
        tracer = Tracer(
            configuration.traces,
            OTLPCollector(.traces, configuration.traces.otlp, client: client), logger: logger)
        exporter = MetricsExporter(
            OTLPCollector(.metrics, configuration.metrics.otlp, client: client),
            configuration.metrics, service: configuration.traces.serviceName, logger: logger)
        gate = CallGate(authenticator: authenticator, audit: audit, tracer: tracer)
        authorizer = Authorizer(
            needsCaller: configuration.auth.isOn,
            policy: PolicyClient(configuration.auth.opa, client: client, logger: logger))
        admission = Admission(configuration.limits)
        var parts = [
            Reloader.Part(name: "auth", files: authenticator.files) {
                try authenticator.reload()
            }
        ]
        if let tls {
            parts.append(Reloader.Part(name: "tls", files: tls.files) { try tls.reload() })
        }
        TextModels.register()
        reloader = Reloader(parts: parts, onHangUp: { try audit.reopen() }, logger: logger)
    }

    func operations(on database: Database) -> Operations {
        Operations(
            database: database, authorizer: authorizer, admission: admission,
            watch: QueryWatch(
                slow: configuration.log.slowSearch, logger: logger, stages: stages),
            fetcher: SnapshotFetcher(
                configuration.recovery, bytesMax: configuration.uploadBytesMax))
    }

    /// Whose numbers are exported from now on, too.
    func restService(_ operations: Operations) -> RESTService {
        let metrics = ServerMetrics(operations: operations, requests: requests, tracer: tracer)
        exporter.metrics = metrics
        return RESTService(
            operations: operations, gate: gate, metrics: metrics,
            requestBodyBytesMax: configuration.requestBodyBytesMax,
            uploadBytesMax: configuration.uploadBytesMax, logger: logger)
    }
}
