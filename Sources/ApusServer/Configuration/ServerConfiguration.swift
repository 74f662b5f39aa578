package import Apus

/// Everything that a server is told at its start. `Setting.all` says how each part is called in
/// files, in the environment and on the command line.
package struct ServerConfiguration: Sendable {
    /// Directory of the database; created when it does not exist.
    package var dataPath: String
    /// Where snapshots are kept; nil: in `snapshots.d` of the database.
    package var snapshotPath: String?
    package var segmentsPath: String?
    /// Where the log is archived; nil: nowhere.
    package var archivePath: String?
    package var host: String
    /// 0: any free port; the line that the server prints says which.
    package var httpPort: Int
    package var grpcPort: Int
    /// Bytes of a REST request body at most.
    package var requestBodyBytesMax: Int
    /// Bytes of a gRPC request message at most: a large batch of points with their payloads.
    package var requestMessageBytesMax = 512 << 20
    /// Bytes of an uploaded snapshot at most.
    package var uploadBytesMax = 1 << 40
    package var recovery = Recovery()
    /// Open REST connections at most; further ones wait in the listen queue.
    package var connectionsMax: Int
    /// A connection that sends nothing for so long is closed, in the middle of a request or
    /// between two.
    package var idleTimeout: Duration
    /// Open calls have this long to end once the server is told to stop.
    package var shutdownTimeout: Duration
    package var tls = TLS()
    package var auth = Auth()
    package var audit = Audit()
    package var limits = Limits()
    package var log = Log()
    package var traces = Traces()
    package var metrics = Metrics()
    /// How the engine uses the machine.
    package var engine = EngineConfiguration()

    package init(
        dataPath: String = "",
        host: String = "127.0.0.1",
        httpPort: Int = 6333,
        grpcPort: Int = 6334,
        requestBodyBytesMax: Int = 32 << 20,
        connectionsMax: Int = 4096,
        idleTimeout: Duration = .seconds(75),
        shutdownTimeout: Duration = .seconds(10)
    ) {
        self.dataPath = dataPath
        self.host = host
        self.httpPort = httpPort
        self.grpcPort = grpcPort
        self.requestBodyBytesMax = requestBodyBytesMax
        self.connectionsMax = connectionsMax
        self.idleTimeout = idleTimeout
        self.shutdownTimeout = shutdownTimeout
    }

    /// Certificates of both doors.
    package struct TLS: Sendable {
        /// PEM files; nil: plain text.
        package var certificatePath: String?
        package var keyPath: String?
        /// PEM file of the authorities whose clients are let in; nil: clients need no certificate.
        package var clientAuthoritiesPath: String?

        package init() {}

        package var isOn: Bool { certificatePath != nil }
    }

    /// Who may do what. With nothing set, everybody may do everything.
    package struct Auth: Sendable {
        package var apiKey: String?
        package var apiKeyPath: String?
        package var readOnlyKey: String?
        package var readOnlyKeyPath: String?
        package var jwt = JWT()
        package var opa = OPA()

        package init() {}

        package struct JWT: Sendable {
            /// The secret of HS256 tokens.
            package var secret: String?
            package var secretPath: String?
            /// A JSON Web Key Set.
            package var keySetPath: String?
            package var issuer: String?
            package var audience: String?
            /// How far the clocks of issuer and server may differ.
            package var leeway = Duration.seconds(30)

            package init() {}

            package var isOn: Bool { secret != nil || secretPath != nil || keySetPath != nil }
        }

        /// An external decision point that speaks Open Policy Agent's data API.
        package struct OPA: Sendable {
            /// Its address, as `http://127.0.0.1:8181`.
            package var url: String?
            /// The document that is asked for, as `apus/authz/allow`.
            package var document = "apus/authz/allow"
            package var timeout = Duration.milliseconds(500)
            package var cacheDuration = Duration.seconds(5)
            package var cacheEntriesMax = 10_000

            package init() {}
        }

        /// Somebody has to show who they are.
        package var needsCredentials: Bool {
            apiKey != nil || apiKeyPath != nil || readOnlyKey != nil || readOnlyKeyPath != nil
                || jwt.isOn
        }

        package var isOn: Bool { needsCredentials || opa.url != nil }
    }

    /// Snapshots that the server fetches over HTTP.
    package struct Recovery: Sendable {
        /// From where; none: it fetches nothing.
        package var allowed: [URLPrefix] = []
        /// Until the last byte of one.
        package var timeout = Duration.seconds(3_600)

        package init() {}
    }

    package struct Audit: Sendable {
        /// A file, `-` for standard error, or nil.
        package var path: String?
        /// Reads too, not only writes and refusals.
        package var includesReads = false

        package init() {}
    }

    /// What the server takes on at most.
    package struct Limits: Sendable {
        /// Reads, and writes, that run or wait in the engine; further ones are refused.
        package var readsMax = 1_024
        package var writesMax = 1_024
        /// Bulk upserts and readers of changes at a time; further ones are refused.
        package var streamsMax = 256
        /// The longest that a read may wait for a thread; a call may ask for less.
        package var readTimeout = Duration.seconds(60)

        package init() {}
    }

    package struct Log: Sendable {
        package enum Format: String, Sendable, CaseIterable { case text, json }

        package var level = "info"
        package var format = Format.text
        /// Searches that take longer are logged with their plan; zero: none.
        package var slowSearch = Duration.seconds(1)

        package init() {}
    }

    /// A collector of the OpenTelemetry protocol.
    package struct OTLP: Sendable {
        package enum Transport: String, Sendable, CaseIterable { case http, grpc }

        /// As `http://127.0.0.1:4318/v1/traces`, or over gRPC `http://127.0.0.1:4317`; nil: nowhere.
        package var endpoint: String?
        package var transport = Transport.http
        /// Further headers of the export, as `name=value` with commas between them.
        package var headers: String?

        package init() {}
    }

    package struct Metrics: Sendable {
        /// Where the numbers of `/metrics` go, too.
        package var otlp = OTLP()
        package var exportInterval = Duration.seconds(60)

        package init() {}
    }

    package struct Traces: Sendable {
        package var otlp = OTLP()
        package var serviceName = "apus"
        /// Of the calls that come without a decision of their caller, the share that is traced.
        package var sampleRatio = 1.0
        /// Spans that wait for their export at most; further ones are dropped and counted.
        package var queueMax = 4_096
        package var exportInterval = Duration.seconds(1)

        package init() {}
    }
}
