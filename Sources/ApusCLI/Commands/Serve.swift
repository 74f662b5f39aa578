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

            Every setting has a name, as storage.data. A file gives it by its levels (--config), \
            the environment as APUS_STORAGE_DATA, which overrides the file, and the command line \
            as --set storage.data=DIR or by an option of its own, which overrides both. \
            docs/operations.md lists them. Keys and other secrets come from files or the \
            environment only: other users of the machine can read arguments.

            SIGHUP reads certificates, keys and secrets again and reopens the audit log; changes \
            of their files are noticed without it.
            """)

    @Option(help: ArgumentHelp("A configuration file in YAML.", valueName: "file"))
    var config: String?

    @Flag(help: "Print every setting, with where it comes from, and end; fail if one is wrong.")
    var checkConfig = false

    @Option(
        help: ArgumentHelp("A setting by its name, repeatable.", valueName: "name=value"))
    var set: [String] = []

    @Option(help: ArgumentHelp("storage.data: directory of the database.", valueName: "dir"))
    var data: String?

    @Option(
        help: ArgumentHelp("storage.snapshots: where snapshots are kept.", valueName: "dir"))
    var snapshots: String?

    @Option(
        help: ArgumentHelp(
            "storage.archive: where log files are kept, for `apus restore --to-time`.",
            valueName: "dir"))
    var archive: String?

    @Option(help: "server.host: address to listen on (default: 127.0.0.1).")
    var host: String?

    @Option(help: "server.http_port: port of the REST interface (default: 6333).")
    var httpPort: String?

    @Option(help: "server.grpc_port: port of the gRPC interface (default: 6334).")
    var grpcPort: String?

    @Option(
        help: ArgumentHelp(
            "storage.durability: what an acknowledged write means in new collections.",
            valueName: "sync|async:ms"))
    var durability: String?

    @Option(
        help: ArgumentHelp(
            "storage.memory_limit: memory that all collections together may use, as 8GiB.",
            valueName: "bytes"))
    var memoryLimit: String?

    @Option(help: "storage.version_keep: seconds that an unused pinned version is kept.")
    var versionKeepSeconds: String?

    @Option(help: "log.level: trace, debug, info, notice, warning, error (default: info).")
    var logLevel: String?

    func run() async throws {
        let effective: EffectiveConfiguration
        do {
            effective = try sources().effective()
        } catch {
            throw failure("\(error)", ExitCode(2))
        }
        if checkConfig {
            do {
                try Server.check(effective.configuration)
            } catch {
                throw failure("\(error)", ExitCode(2))
            }
            print(effective.listing, terminator: "")
            return
        }
        try await serve(effective.configuration)
    }

    private func sources() throws -> ConfigurationSources {
        var options: [(key: String, text: String, place: String)] = []
        let named: [(String, String, String?)] = [
            ("storage.data", "--data", data),
            ("storage.snapshots", "--snapshots", snapshots),
            ("storage.archive", "--archive", archive),
            ("storage.durability", "--durability", durability),
            ("storage.memory_limit", "--memory-limit", memoryLimit),
            ("storage.version_keep", "--version-keep-seconds", versionKeepSeconds),
            ("server.host", "--host", host),
            ("server.http_port", "--http-port", httpPort),
            ("server.grpc_port", "--grpc-port", grpcPort),
            ("log.level", "--log-level", logLevel),
        ]
        for (key, option, text) in named {
            if let text { options.append((key, text, option)) }
        }
        for pair in set {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2 else {
                throw ConfigurationError(place: "--set \(pair)", reason: "expected NAME=VALUE")
            }
            options.append((String(parts[0]), String(parts[1]), "--set \(parts[0])"))
        }
        return ConfigurationSources(
            file: try config.map { path throws(ConfigurationError) in try SettingsFile(path: path)
            },
            environment: ProcessInfo.processInfo.environment, options: options)
    }

    private func serve(_ configuration: ServerConfiguration) async throws {
        let log = configuration.log
        LoggingSystem.bootstrap { label in ServerLogHandler(label: label, log) }
        let server = Server(
            configuration: configuration, logger: Logger(label: "apus"),
            announce: { FileHandle.standardOutput.write(Data("\($0)\n".utf8)) })
        do {
            try await server.run()
        } catch {
            throw failure("\(error)", ExitCode.failure)
        }
    }

    private func failure(_ text: String, _ code: ExitCode) -> ExitCode {
        let lines = text.split(separator: "\n").map { "apus serve: \($0)\n" }.joined()
        FileHandle.standardError.write(Data(lines.utf8))
        return code
    }
}
