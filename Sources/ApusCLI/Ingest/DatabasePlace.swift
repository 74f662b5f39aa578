import ArgumentParser
import Foundation

/// Where the database of a command is: in a directory, or behind a server.
struct DatabasePlace: ParsableArguments {
    @Option(
        help: ArgumentHelp("Directory of a database that no server has open.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Address of a server: grpc://HOST:PORT.", valueName: "url"))
    var url: String?

    @Option(
        help: ArgumentHelp(
            "Key for the server (default: the environment's APUS_API_KEY).", valueName: "key"))
    var apiKey: String?

    /// One of the two is there.
    func validate() throws {
        guard (data == nil) != (url == nil) else {
            throw ValidationError("Give one of --data DIR and --url grpc://HOST:PORT")
        }
        if let url, ServerAddress(url) == nil {
            throw ValidationError("--url must be like grpc://localhost:6334, and is '\(url)'")
        }
    }

    var address: ServerAddress? { url.flatMap(ServerAddress.init) }

    var key: String? { apiKey ?? ProcessInfo.processInfo.environment["APUS_API_KEY"] }
}
