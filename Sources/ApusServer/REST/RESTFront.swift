import ApusCore
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The HTTP/1 door: carries requests between Hummingbird and `RESTService`, in TLS or plain text.
///
/// This file, `PacedChannel` and `SecuredChannel` are the only ones that know Hummingbird and NIO.
struct RESTFront: Service {
    let slot: RESTSlot
    let configuration: ServerConfiguration
    /// nil: plain text.
    let tls: TLSIdentity?
    let connectionsMax: Int
    let logger: Logger
    /// Called once, with the bound port.
    let onListening: @Sendable (Int) async -> Void

    /// Serves until a graceful shutdown or cancellation. Throws `ServerError.cannotListen`.
    func run() async throws {
        // The library announces its start at level info; the server has its own line for that.
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        let connections = MaximumAvailableConnections(
            connectionsMax, logger: quiet)
        let application = Application(
            responder: Responder(slot: slot),
            server: server,
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.httpPort),
                availableConnectionsDelegate: connections),
            onServerRunning: { channel in
                await onListening(channel.localAddress?.port ?? configuration.httpPort)
            },
            logger: quiet)
        do {
            try await application.run()
        } catch let error as IOError {
            throw ServerError.cannotListen(
                door: "http", host: configuration.host, port: configuration.httpPort,
                reason: error.errnoCode == EADDRINUSE ? nil : "\(error)")
        } catch let error as SocketAddressError.UnknownHost {
            throw ServerError.cannotListen(
                door: "http", host: configuration.host, port: configuration.httpPort,
                reason: "\(error)")
        }
    }
}

extension RESTFront {
    private var server: HTTPServerBuilder {
        HTTPServerBuilder { [configuration, tls] responder in
            let plain = HTTP1Channel(
                responder: responder,
                configuration: .init(idleTimeout: TimeAmount(configuration.idleTimeout)))
            let paced = PacedChannel(
                base: plain, period: TimeAmount(configuration.idleTimeout))
            guard let tls else { return paced }
            return SecuredChannel(base: paced, identity: tls)
        }
    }
}

private typealias HTTPField = HTTPFields.Element

private struct Responder: HTTPResponder {
    typealias Context = ConnectionContext

    let slot: RESTSlot

    func respond(to request: Request, context: Context) async throws -> Response {
        let answer = await slot.answer(HTTPCall(request, peer: context.peer))
        var headers = HTTPFields()
        headers[.contentType] = answer.contentType
        for header in answer.headers {
            guard let name = HTTPField.Name(header.name) else { continue }
            headers[name] = header.value
        }
        let response = Response(
            status: HTTPResponse.Status(code: answer.status), headers: headers,
            body: answer.responseBody)
        // The length stays, the body does not (RFC 9110, 9.3.2).
        return request.method == .head ? response.createHeadResponse() : response
    }
}

extension HTTPAnswer {
    fileprivate var responseBody: ResponseBody {
        guard let stream else { return ResponseBody(byteBuffer: ByteBuffer(bytes: body)) }
        return ResponseBody(contentLength: stream.byteCount) { writer in
            while let piece = try await stream.next() {
                try await writer.write(ByteBuffer(bytes: piece))
            }
            try await writer.finish(nil)
        }
    }
}

/// What the door needs of a connection beyond the request.
private struct ConnectionContext: InitializableFromSource {
    let peer: String?

    init(source: ApplicationRequestContextSource) {
        peer = source.channel.remoteAddress?.ipAddress
    }
}

extension HTTPCall {
    fileprivate init(_ request: Request, peer: String?) {
        let headers = request.headers
        self.init(
            method: request.method.rawValue,
            target: request.head.path ?? "/",
            peer: peer,
            header: { name in HTTPField.Name(name).flatMap { headers[$0] } },
            body: { limit in
                let announced = headers[.contentLength].flatMap { Int($0) }
                if let announced, announced > limit {
                    throw BodyTooLarge(limit: limit, announced: announced)
                }
                var bytes: [UInt8] = []
                // A header alone must not cost much memory.
                bytes.reserveCapacity(min(announced ?? 0, 1 << 20))
                do {
                    for try await chunk in request.body {
                        guard bytes.count + chunk.readableBytes <= limit else {
                            throw BodyTooLarge(limit: limit, announced: announced)
                        }
                        bytes.append(contentsOf: chunk.readableBytesView)
                    }
                } catch let error as HTTPParserError {
                    throw DatabaseError(
                        .invalidArgument, "Payload error: malformed request body: \(error)")
                }
                return bytes
            },
            pieces: { take in
                do {
                    for try await chunk in request.body {
                        try await take(Array(chunk.readableBytesView))
                    }
                } catch let error as HTTPParserError {
                    throw DatabaseError(
                        .invalidArgument, "Payload error: malformed request body: \(error)")
                }
            })
    }
}
