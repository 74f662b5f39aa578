package import Apus

/// Everything that a server is told at its start.
package struct ServerConfiguration: Sendable {
    /// Directory of the database; created when it does not exist.
    package var dataPath: String
    /// Where snapshots are kept; nil: in `snapshots.d` of the database.
    package var snapshotPath: String?
    /// Where the log is archived; nil: nowhere.
    package var archivePath: String?
    package var host: String
    /// 0: any free port; the line that the server prints says which.
    package var httpPort: Int
    package var grpcPort: Int
    /// nil: calls need no key.
    package var apiKey: String?
    /// Bytes of a REST request body at most.
    package var requestBodyBytesMax: Int
    /// Open REST connections at most; further ones wait in the listen queue.
    package var connectionsMax: Int
    /// A connection that sends nothing for so long is closed, in the middle of a request or
    /// between two.
    package var idleTimeout: Duration
    /// Open calls have this long to end once the server is told to stop.
    package var shutdownTimeout: Duration
    /// How the engine uses the machine.
    package var engine = EngineConfiguration()

    package init(
        dataPath: String,
        host: String = "127.0.0.1",
        httpPort: Int = 6333,
        grpcPort: Int = 6334,
        apiKey: String? = nil,
        requestBodyBytesMax: Int = 32 << 20,
        connectionsMax: Int = 4096,
        idleTimeout: Duration = .seconds(75),
        shutdownTimeout: Duration = .seconds(10)
    ) {
        self.dataPath = dataPath
        self.host = host
        self.httpPort = httpPort
        self.grpcPort = grpcPort
        self.apiKey = apiKey
        self.requestBodyBytesMax = requestBodyBytesMax
        self.connectionsMax = connectionsMax
        self.idleTimeout = idleTimeout
        self.shutdownTimeout = shutdownTimeout
    }
}
