import ApusRPC
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server with a few methods, on a free port, for as long as `body` runs.
func withServer(
    _ change: (inout RPCServerConfiguration) -> Void = { _ in }, hooks: RPCHooks = RPCHooks(),
    _ body: (RPCServer, TestMethods) async throws -> Void
) async throws {
    var configuration = RPCServerConfiguration(host: "127.0.0.1", port: 0)
    change(&configuration)
    let methods = TestMethods()
    let server = try await RPCServer.start(
        configuration, methods: methods.table, hooks: hooks,
        on: .singletonMultiThreadedEventLoopGroup)
    do {
        try await body(server, methods)
    } catch {
        await server.close()
        throw error
    }
    await server.close()
}

/// Methods that do what tests need of handlers.
final class TestMethods: Sendable {
    /// Calls that wait for the test: `Test/Hold` puts them here.
    let held = Mailbox<(message: [UInt8], call: RPCCall)>()
    /// The names of methods whose handler was told that its call is cancelled.
    let cancelled = Mailbox<String>()
    /// Messages that `Test/Pour` got rid of.
    let poured = Atomic(0)
    /// Lets `Test/Ignore` read.
    let gate = Mailbox<Void>()

    var table: RPCMethodTable {
        RPCMethodTable([
            .callback("Test", "Echo") { message, call in
                call.respond(FramedMessage(message))
            },
            .callback("Test", "Elsewhere") { message, call in
                NIOThreadPool.singleton.submit { _ in call.respond(FramedMessage(message)) }
            },
            .callback("Test", "Hold") { message, call in
                call.onCancel { self.cancelled.put("Hold") }
                self.held.put((Array(message.readableBytesView), call))
            },
            .callback("Test", "Zeros") { message, call in
                let count = message.getInteger(at: 0, as: UInt32.self) ?? 0
                call.respond(FramedMessage(byteCount: Int(count)))
            },
            .unary("Test", "Mirror") { message, call in
                var metadata = RPCMetadata()
                metadata.add(call.metadata.first("text") ?? "", for: "text")
                for bytes in call.metadata.bytes("key-bin") {
                    metadata.add(bytes: bytes.reversed(), for: "key-bin")
                }
                return RPCReply(FramedMessage(message), metadata: metadata)
            },
            .unary("Test", "Fail") { message, _ in
                throw RPCError(.failedPrecondition, String(buffer: message))
            },
            .unary("Test", "Break") { _, _ in throw TestFailure() },
            .unary("Test", "Sleep") { _, call in
                let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
                for await _ in stream {}
                continuation.finish()
                self.cancelled.put("Sleep")
                try Task.checkCancellation()
                return RPCReply(FramedMessage(bytes: [UInt8(call.isCancelled ? 1 : 0)]))
            },
            .streaming("Test", "Sum") { requests, writer, _ in
                var sum = 0
                for try await message in requests {
                    sum += message.readableBytesView.reduce(0) { $0 + Int($1) }
                }
                try await writer.write(FramedMessage(bytes: Array(String(sum).utf8)))
                return RPCMetadata()
            },
            .streaming("Test", "Both") { requests, writer, _ in
                var headers = RPCMetadata()
                headers.add("yes", for: "early")
                writer.start(headers)
                for try await message in requests {
                    try await writer.write(FramedMessage(message))
                }
                var trailers = RPCMetadata()
                trailers.add("done", for: "late")
                return trailers
            },
            .streaming("Test", "Pour") { _, writer, _ in
                do {
                    while true {
                        try await writer.write(FramedMessage(byteCount: 10_000))
                        self.poured.add(1, ordering: .relaxed)
                    }
                } catch {
                    self.cancelled.put("Pour")
                    throw error
                }
            },
            .streaming("Test", "Ignore") { requests, writer, _ in
                await self.gate.take()
                var count = 0
                for try await message in requests { count += message.readableBytes }
                try await writer.write(FramedMessage(bytes: Array(String(count).utf8)))
                return RPCMetadata()
            },
            .streaming("Test", "Hasty") { _, _, _ in RPCMetadata() },
        ])
    }
}

struct TestFailure: Error {}

/// Hands values from handlers to tests, in order.
final class Mailbox<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func put(_ value: Value) { continuation.yield(value) }

    /// Waits for the next value.
    func take() async -> Value {
        for await value in stream { return value }
        preconditionFailure("the mailbox never ends")
    }
}

/// A key that proves nothing, and its certificate for `localhost`.
enum TestIdentity {
    static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmjCCAUGgAwIBAgIUSovHoVyBkR/1V1ySXqAt4hCKSncwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyNTEyNTgzMVoYDzIxMjYxMTAx
        MTI1ODMxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARlWugq5aLqq4gjzH0voCzeNcMhHrHYTs8oUWNjYlkfg1i2btA43sbX
        xSv6aSA3589uzw9kvLDpDCeSm/qEuw/3o28wbTAdBgNVHQ4EFgQUXjz65qnXJ4DK
        ZpasFi8tBfokbaYwHwYDVR0jBBgwFoAUXjz65qnXJ4DKZpasFi8tBfokbaYwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDRwAwRAIgF8S4GMsvSxp0w4jXEMWRqFkPkavo3WqaIHAM8tYUju4CIHlK
        lYoQv6Jgen57Sf4YN/fukcw4Fkanuh/3mwPx+SEh
        -----END CERTIFICATE-----
        """
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUxQqSkyrr8L2o9yY
        crmetAobXwC4082dAuBXLCSjNu2hRANCAARlWugq5aLqq4gjzH0voCzeNcMhHrHY
        Ts8oUWNjYlkfg1i2btA43sbXxSv6aSA3589uzw9kvLDpDCeSm/qEuw/3
        -----END PRIVATE KEY-----
        """

    static func server() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)).map {
                .certificate($0)
            },
            privateKey: .privateKey(try NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem)))
        configuration.applicationProtocols = ["h2"]
        return try NIOSSLContext(configuration: configuration)
    }

    static func client(protocols: [String]) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(
            try NIOSSLCertificate.fromPEMBytes(Array(certificate.utf8)))
        configuration.applicationProtocols = protocols
        return try NIOSSLContext(configuration: configuration)
    }
}
