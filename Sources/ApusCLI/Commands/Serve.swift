import Apus
import ApusServer
import ArgumentParser
import Foundation
import Logging

/// `apus serve`: the server process.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serve a database over REST and gRPC.",
        discussion: """
            Opens the database in DIR (and creates it when there is none), then answers REST on \
            the HTTP port and gRPC on the other until SIGTERM or SIGINT. Existing clients of the \
            Qdrant API work unmodified.

              apus serve --data ./data
              curl http://127.0.0.1:6333/collections

            Once both ports are open, one line on standard output names them:

              apus: listening http=127.0.0.1:6333 grpc=127.0.0.1:6334

            Port 0 takes any free port. Logs go to standard error. A directory can be served by \
            one process at a time.

            With an API key every call must carry it, as the header `api-key: KEY` or as \
            `Authorization: Bearer KEY`; only / and the health paths answer without. Prefer the \
            environment variable APUS_API_KEY: other users of the machine can read arguments.
            """)

    @Option(help: ArgumentHelp("Directory of the database.", valueName: "dir"))
    var data: String

    @Option(
        help: ArgumentHelp(
            "Where snapshots are kept (default: snapshots.d in the database's directory).",
            valueName: "dir"))
    var snapshots: String?

    @Option(
        help: ArgumentHelp(
            "Keep log files here before they are removed, for `apus restore --to-time`.",
            valueName: "dir"))
    var archive: String?

    @Option(help: "Address to listen on; 0.0.0.0 is every IPv4 address of the machine.")
    var host = "127.0.0.1"

    @Option(help: "Port of the REST interface.")
    var httpPort = 6333

    @Option(help: "Port of the gRPC interface.")
    var grpcPort = 6334

    @Option(help: "Key that calls must carry; the environment variable APUS_API_KEY sets it too.")
    var apiKey: String?

    @Option(
        help: ArgumentHelp(
            "What an acknowledged write means in new collections that do not say it themselves: "
                + "`sync`, on disk; `async:MS`, on disk at most MS milliseconds later.",
            valueName: "sync|async:ms"))
    var durability = DurabilityArgument(durability: .sync)

    @Option(
        help: ArgumentHelp(
            "Memory that all collections together may use, as 8GiB or 500MiB; a write that would "
                + "pass it is refused, reads and deletes go on. Default: no bound.",
            valueName: "bytes"))
    var memoryLimit: ByteCountArgument?

    @Option(help: "Seconds without use after which a version that a reader pinned is let go.")
    var versionKeepSeconds = EngineConfiguration().versionKeepSeconds

    @Option(help: "Lowest level of log lines: trace, debug, info, notice, warning, error.")
    var logLevel = "info"

    func validate() throws {
        for (name, port) in [("--http-port", httpPort), ("--grpc-port", grpcPort)] {
            guard (0...65_535).contains(port) else {
                throw ValidationError("\(name) is \(port); a port lies in 0…65535.")
            }
        }
        try Checked.inRange("--version-keep-seconds", versionKeepSeconds, 1...86_400)
        guard Logger.Level(rawValue: logLevel) != nil else {
            throw ValidationError("--log-level `\(logLevel)` is no level.")
        }
    }

    func run() async throws {
        let level = Logger.Level(rawValue: logLevel) ?? .info
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        var configuration = ServerConfiguration(
            dataPath: data, host: host, httpPort: httpPort, grpcPort: grpcPort)
        configuration.snapshotPath = snapshots
        configuration.archivePath = archive
        configuration.apiKey = apiKey ?? ProcessInfo.processInfo.environment["APUS_API_KEY"]
        configuration.engine.newCollectionDurability = durability.durability
        configuration.engine.memoryLimitBytes = memoryLimit?.bytes
        configuration.engine.versionKeepSeconds = versionKeepSeconds
        let server = Server(
            configuration: configuration, logger: Logger(label: "apus"),
            announce: { FileHandle.standardOutput.write(Data("\($0)\n".utf8)) })
        do {
            try await server.run()
        } catch {
            FileHandle.standardError.write(Data("apus serve: \(error)\n".utf8))
            throw ExitCode.failure
        }
    }
}
