import Apus
import ApusCore
package import Logging
import NIOPosix
import ServiceLifecycle
import Synchronization

/// One process that serves one database over both protocols.
package struct Server: Sendable {
    private let configuration: ServerConfiguration
    private let logger: Logger
    /// Where the line goes that names the bound ports.
    private let announce: @Sendable (String) -> Void

    /// `announce` gets one line, `apus: listening http=HOST:PORT grpc=HOST:PORT`, once both doors
    /// are open and the database answers.
    package init(
        configuration: ServerConfiguration, logger: Logger,
        announce: @escaping @Sendable (String) -> Void
    ) {
        self.configuration = configuration
        self.logger = logger
        self.announce = announce
    }

    /// Reads every file that the configuration names, as a start would. Throws
    /// `ConfigurationError`.
    package static func check(_ configuration: ServerConfiguration) throws {
        _ = try TLSIdentity(configuration.tls)
        _ = try Authenticator(configuration.auth)
    }

    /// Opens the database and serves until SIGTERM or SIGINT.
    ///
    /// On a signal both doors stop accepting, open calls have `shutdownTimeout` to end, and the
    /// database closes last: nothing that was acknowledged is lost. Throws `ServerError` or
    /// `ConfigurationError` when the server cannot start.
    package func run() async throws {
        let parts = try ServerParts(configuration, logger: logger)
        let opened = OpenedDatabase()
        let result: Result<Void, any Error>
        do {
            try await serve(parts, opened)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        do {
            try opened.database?.close()
        } catch {
            logger.error("database did not close", metadata: ["error": "\(error)"])
            try result.get()
            throw ServerError.database(path: configuration.dataPath, reason: "\(error)")
        }
        try result.get()
        logger.info("stopped")
    }

    /// The REST door opens at once and says that it is not ready; once the database is open it
    /// answers, and the gRPC door opens.
    private func serve(_ parts: ServerParts, _ opened: OpenedDatabase) async throws {
        // The other half is for gRPC connections, of which there are fewer, and the database's own
        // files.
        let connectionsMax = min(configuration.connectionsMax, FileDescriptorLimit.raise() / 2)
        let listening = Listening { ports in
            logger.info(
                "listening",
                metadata: [
                    "host": "\(configuration.host)", "http_port": "\(ports.http)",
                    "grpc_port": "\(ports.grpc)", "version": "\(ServerVersion.current.apus)",
                    "data": "\(configuration.dataPath)",
                    "auth": "\(configuration.auth.isOn ? "required" : "none")",
                    "tls": "\(configuration.tls.isOn ? "on" : "off")",
                ])
            announce(
                "apus: listening http=\(configuration.host):\(ports.http)"
                    + " grpc=\(configuration.host):\(ports.grpc)")
        }
        let slot = RESTSlot()
        let rest = RESTFront(
            slot: slot, configuration: configuration, tls: parts.tls,
            connectionsMax: connectionsMax, logger: logger,
            onListening: { listening.http($0) })
        let engine = EngineFront {
            let database = try await openDatabase()
            opened.database = database
            let operations = parts.operations(on: database)
            slot.service = parts.restService(operations)
            return GRPCFront(
                operations: operations, gate: parts.gate, tls: parts.tls,
                metrics: parts.requests, host: configuration.host, port: configuration.grpcPort,
                connectionsMax: max(1, connectionsMax / 2),
                requestBytesMax: configuration.requestMessageBytesMax,
                onListening: { listening.grpc($0) })
        }
        try await run(Doors(fronts: [rest, engine, parts.reloader, parts.tracer, parts.exporter]))
    }

    private func openDatabase() async throws -> Database {
        var engine = configuration.engine
        engine.snapshotDirectory = configuration.snapshotPath
        engine.archiveDirectory = configuration.archivePath
        engine.segmentsDirectory = configuration.segmentsPath
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
        do {
            // Recovery takes as long as it takes, and must not hold one of the few threads that
            // everything asynchronous shares.
            return try await NIOThreadPool.singleton.runIfActive { [engine] in
                try Database.open(at: configuration.dataPath, configuration: engine)
            }
        } catch {
            throw ServerError.database(path: configuration.dataPath, reason: "\(error)")
        }
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

/// The database once it is open, so that it can be closed after everything else.
private final class OpenedDatabase: Sendable {
    private let value = Mutex<Database?>(nil)

    var database: Database? {
        get { value.withLock { $0 } }
        set { value.withLock { $0 = newValue } }
    }
}

/// Opens the database, and then the gRPC door.
private struct EngineFront: Service {
    let open: @Sendable () async throws -> GRPCFront

    func run() async throws { try await open().run() }
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
