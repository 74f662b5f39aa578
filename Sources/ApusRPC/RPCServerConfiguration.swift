package import NIOCore
package import NIOSSL

/// What an `RPCServer` is told at its start.
package struct RPCServerConfiguration: Sendable {
    package var host: String
    /// 0: any free port.
    package var port: Int
    /// The certificates of a new connection, which must offer `h2` by ALPN; nil: plaintext, where
    /// clients have to know that this is HTTP/2.
    package var tls: (@Sendable () -> NIOSSLContext)?

    /// Bytes of a request message at most, compressed or not.
    package var requestBytesMax = 4 << 20
    /// Bytes of an answer message at most.
    package var answerBytesMax = Int(Int32.max)
    /// Open connections at most; further ones are closed as they come.
    package var connectionsMax = 4096
    /// Open calls of one connection at most; clients wait with further ones.
    package var streamsMax = 1024
    /// Bytes of answers that may wait for one client that does not read them, and for all. What would
    /// come on top ends its call.
    package var unsentBytesMax = 256 << 20
    package var allUnsentBytesMax = 1 << 30
    /// A connection whose client takes no answer for so long, while some wait, is closed.
    package var stallTimeout = TimeAmount.seconds(30)
    /// Bytes of a request's headers at most, counted as HTTP/2 does (names, values, 32 for each).
    package var headerBytesMax = 16 << 10
    /// What a call, and a connection, may have under way to the server.
    package var streamWindowBytes = 4 << 20
    package var connectionWindowBytes = 8 << 20

    /// A connection on which no HTTP/2 comes for so long is closed.
    package var handshakeTimeout = TimeAmount.seconds(20)
    /// A client that is silent for so long is asked whether it is there.
    package var keepaliveInterval = TimeAmount.minutes(5)
    package var keepaliveTimeout = TimeAmount.seconds(20)
    /// Clients that ping more often without making calls are refused after `pingStrikesMax` pings.
    package var pingIntervalMin = TimeAmount.seconds(5)
    package var pingStrikesMax = 2
    /// How long a draining connection waits for its client to hear of it.
    package var drainPingTimeout = TimeAmount.seconds(1)

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }
}
