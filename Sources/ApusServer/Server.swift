import Apus
import ApusCore
package import Logging
import ServiceLifecycle
import Synchronization

/// One process that serves one database over both protocols.
package struct Server: Sendable {
    private let configuration: ServerConfiguration
    private let logger: Logger
    /// Where the line goes that names the bound ports.
    private let announce: @Sendable (String) -> Void

    /// `announce` gets one line, `apus: listening http=HOST:PORT grpc=HOST:PORT`, once both doors
    /// are open.
    package init(
        configuration: ServerConfiguration, logger: Logger,
        announce: @escaping @Sendable (String) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        self.announce = announce
    }

    /// Opens the database and serves until SIGTERM or SIGINT.
    ///
    /// On a signal both doors stop accepting, open calls have `shutdownTimeout` to end, and the
    /// database closes last: nothing that was acknowledged is lost. Throws `ServerError` when the
    /// server cannot start.
    package func run() async throws {
        let database = try openDatabase()
        let result: Result<Void, any Error>
        do {
            try await serve(database)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        do {
            try database.close()
        } catch {
            logger.error("database did not close", metadata: ["error": "\(error)"])
            try result.get()
            throw ServerError.database(path: configuration.dataPath, reason: "\(error)")
        }
        try result.get()
        logger.info("stopped")
    }

    private func openDatabase() throws -> Database {
        do {
            var engine = configuration.engine
            engine.snapshotDirectory = configuration.snapshotPath
            engine.archiveDirectory = configuration.archivePath
            engine.onDamage = { [logger] collection, damage in
                logger.error(
                    "damage on disk",
                    metadata: ["collection": "\(collection)", "damage": "\(damage)"])
            }
            engine.recallObservation.onLowRecall = { [logger] collection, recall in
                logger.warning(
                    "recall is low",
                    metadata: [
                        "collection": "\(collection)", "mean": "\(recall.mean)",
                        "p5": "\(recall.p5)", "checked": "\(recall.checkedCount)",
                    ])
            }
            return try Database.open(at: configuration.dataPath, configuration: engine)
        } catch {
            throw ServerError.database(path: configuration.dataPath, reason: "\(error)")
        }
    }

    private func serve(_ database: Database) async throws {
        // The other half is for gRPC connections, of which there are fewer, and the database's own
        // files.
        let connectionsMax = min(configuration.connectionsMax, FileDescriptorLimit.raise() / 2)
        let operations = Operations(database: database)
        let authorizer = Authorizer(apiKey: configuration.apiKey)
        let metrics = RequestMetrics()
        let listening = Listening { ports in
            logger.info(
                "listening",
                metadata: [
                    "host": "\(configuration.host)", "http_port": "\(ports.http)",
                    "grpc_port": "\(ports.grpc)", "version": "\(ServerVersion.current.apus)",
                    "data": "\(configuration.dataPath)",
                    "api_key": "\(authorizer.requiresKey ? "required" : "none")",
                ])
            announce(
                "apus: listening http=\(configuration.host):\(ports.http)"
                    + " grpc=\(configuration.host):\(ports.grpc)")
        }
        let rest = RESTFront(
            service: RESTService(
                operations: operations, authorizer: authorizer, metrics: metrics,
                requestBodyBytesMax: configuration.requestBodyBytesMax, logger: logger),
            configuration: configuration, connectionsMax: connectionsMax, logger: logger,
            onListening: { listening.http($0) })
        let grpc = GRPCFront(
            operations: operations, authorizer: authorizer, metrics: metrics,
            host: configuration.host, port: configuration.grpcPort,
            connectionsMax: max(1, connectionsMax / 2),
            onListening: { listening.grpc($0) })
        try await run(Doors(fronts: [rest, grpc]))
    }

    /// Returns when the server was told to stop, and throws what ends it otherwise.
    private func run(_ doors: Doors) async throws {
        var group = ServiceGroupConfiguration(
            services: [doors], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = configuration.shutdownTimeout
        do {
            try await ServiceGroup(configuration: group).run()
        } catch  where doors.isStopping {
            // Calls that did not end in time were cut off; their clients have no answer.
            logger.warning("calls were cut off", metadata: ["error": "\(error)"])
        }
    }
}

/// Why a server did not start or did not stop cleanly.
package enum ServerError: Error, CustomStringConvertible {
    /// No `reason` means that another program has the port.
    case cannotListen(door: String, host: String, port: Int, reason: String?)
    case database(path: String, reason: String)

    package var description: String {
        switch self {
        case .cannotListen(let door, let host, let port, let reason):
            "cannot listen on \(host):\(port) (\(door)): "
                + (reason ?? "port \(port) is in use by another process")
        case .database(let path, let reason):
            "cannot use the database in \(path): \(reason)"
        }
    }
}

/// Runs the fronts side by side: told to stop, they stop at once, and when one fails the others
/// end with it.
private final class Doors: Service {
    private let fronts: [any Service]
    private let stopping = Atomic(false)

    init(fronts: [any Service]) { self.fronts = fronts }

    /// The server was told to stop.
    var isStopping: Bool { stopping.load(ordering: .acquiring) }

    func run() async throws {
        try await withGracefulShutdownHandler {
            // A discarding group cancels the others as soon as one throws.
            try await withThrowingDiscardingTaskGroup { group in
                for front in fronts { group.addTask { try await front.run() } }
            }
        } onGracefulShutdown: {
            self.stopping.store(true, ordering: .releasing)
        }
    }
}

/// Waits for the ports of both doors.
private final class Listening: Sendable {
    private let ports = Mutex<(http: Int?, grpc: Int?)>((nil, nil))
    private let whenBoth: @Sendable ((http: Int, grpc: Int)) -> Void

    init(whenBoth: @escaping @Sendable ((http: Int, grpc: Int)) -> Void) {
        self.whenBoth = whenBoth
    }

    func http(_ port: Int) { note { $0.http = port } }
    func grpc(_ port: Int) { note { $0.grpc = port } }

    private func note(_ change: (inout (http: Int?, grpc: Int?)) -> Void) {
        let both = ports.withLock { ports -> (http: Int, grpc: Int)? in
            change(&ports)
            guard let http = ports.http, let grpc = ports.grpc else { return nil }
            return (http, grpc)
        }
        if let both { whenBoth(both) }
    }
}
