import ApusRPC
import NIOCore
import NIOHTTP2
import NIOPosix
import NIOSSL
import Testing

/// Deadlines, cancellation, pings, and the ends of connections and servers.
@Suite struct RPCLifecycleTests {
    @Test(arguments: ["Hold", "Sleep"])
    func aDeadlineEndsTheCallAndTellsItsHandler(_ method: String) async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            let answer = try await client.call(
                "/Test/\(method)", fields: [("grpc-timeout", "20m")])
            #expect(answer.status == 4)
            #expect(await methods.cancelled.take() == method)
        }
    }

    @Test func deadlinesOfSeveralCallsAreKeptApart() async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            var streams: [HTTP2StreamID] = []
            for timeout in ["1H", "30m", "10m", "20m"] {
                let stream = try await client.begin(
                    "/Test/Hold", fields: [("grpc-timeout", timeout)])
                try await client.send(RPCClient.framed([]), on: stream, end: true)
                streams.append(stream)
            }
            for stream in streams.dropFirst() { #expect(await client.answer(stream).status == 4) }
            let call = await methods.held.take().call
            #expect(!call.isCancelled)
            call.respond(FramedMessage(bytes: []))
            #expect(await client.answer(streams[0]).status == 0)
        }
    }

    @Test(arguments: ["Hold", "Sleep"])
    func aCallThatIsTakenBackIsCancelled(_ method: String) async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/\(method)")
            try await client.send(RPCClient.framed([]), on: stream, end: true)
            try await client.write(.rstStream(.cancel), on: stream)
            #expect(await methods.cancelled.take() == method)
            if method == "Hold" {
                let call = await methods.held.take().call
                #expect(call.isCancelled)
                call.respond(FramedMessage(bytes: [1]))
            }
            #expect(try await client.call("/Test/Echo").status == 0)
        }
    }

    @Test(arguments: ["Hold", "Sleep", "Pour"])
    func aLostConnectionCancelsItsCalls(_ method: String) async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port, windowBytes: 65_535)
            let stream = try await client.begin("/Test/\(method)")
            try await client.send(RPCClient.framed([]), on: stream, end: true)
            if method == "Hold" {
                let call = await methods.held.take().call
                try await client.close()
                #expect(await methods.cancelled.take() == method)
                call.respond(FramedMessage(bytes: [1]))
            } else {
                try await client.close()
                #expect(await methods.cancelled.take() == method)
            }
        }
    }

    @Test func drainingLetsOpenCallsEnd() async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            let idle = try await RPCClient.connect(to: server.port)
            #expect(try await idle.call("/Test/Echo").status == 0)
            let stream = try await client.begin("/Test/Hold")
            try await client.send(RPCClient.framed([5]), on: stream, end: true)
            let call = await methods.held.take().call
            async let drained: Void = server.drain()
            let goAways = await client.inbox.wait { $0.goAways.count == 2 ? $0.goAways : nil }
            #expect(goAways.map(\.lastStreamID) == [.maxID, stream])
            #expect(goAways.map(\.code) == [.noError, .noError])
            await idle.inbox.wait { $0.isClosed ? () : nil }
            await #expect(throws: (any Error).self) {
                _ = try await RPCClient.connect(to: server.port)
            }
            #expect(!call.isCancelled)
            call.respond(FramedMessage(bytes: [6]))
            #expect(await client.answer(stream).messages == [[6]])
            await client.inbox.wait { $0.isClosed ? () : nil }
            await drained
        }
    }

    @Test func closingCancelsOpenCalls() async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Hold")
            try await client.send(RPCClient.framed([5]), on: stream, end: true)
            let call = await methods.held.take().call
            await server.close()
            #expect(call.isCancelled)
            await client.inbox.wait { $0.isClosed ? () : nil }
        }
    }

    @Test func aClientThatOnlyPingsIsToldToCalmDown() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            for _ in 0..<6 where !client.inbox.state.isClosed {
                try? await client.write(
                    .ping(HTTP2PingData(withInteger: 1), ack: false), on: .rootStream)
            }
            let code = await client.inbox.wait { $0.goAways.first?.code }
            #expect(code == .enhanceYourCalm)
            await client.inbox.wait { $0.isClosed ? () : nil }
        }
    }

    @Test func pingsBetweenAnswersAreFree() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            for _ in 0..<50 {
                try await client.write(
                    .ping(HTTP2PingData(withInteger: 1), ack: false), on: .rootStream)
                #expect(try await client.call("/Test/Echo").status == 0)
            }
        }
    }

    @Test func aSilentConnectionIsClosed() async throws {
        try await withServer({ $0.handshakeTimeout = .milliseconds(10) }) { server, _ in
            let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: "127.0.0.1", port: server.port).get()
            try await channel.closeFuture.get()
        }
    }

    @Test func clientsThatAnswerPingsStay() async throws {
        try await withServer({
            $0.keepaliveInterval = .milliseconds(5)
            $0.keepaliveTimeout = .seconds(20)
        }) { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Hold", fields: [("grpc-timeout", "60m")])
            try await client.send(RPCClient.framed([]), on: stream, end: true)
            #expect(await client.answer(stream).status == 4)
            #expect(try await client.call("/Test/Echo").status == 0)
        }
    }

    @Test func aConnectionTooManyIsClosed() async throws {
        try await withServer({ $0.connectionsMax = 1 }) { server, _ in
            let first = try await RPCClient.connect(to: server.port)
            #expect(try await first.call("/Test/Echo").status == 0)
            if let second = try? await RPCClient.connect(to: server.port) {
                await second.inbox.wait { $0.isClosed ? () : nil }
            }
            #expect(try await first.call("/Test/Echo").status == 0)
        }
    }

    @Test func headersBeyondTheLimitEndTheConnectionAndNoOther() async throws {
        try await withServer({ $0.headerBytesMax = 2_000 }) { server, _ in
            let other = try await RPCClient.connect(to: server.port)
            #expect(try await other.call("/Test/Echo").status == 0)
            // An answer shows that the client has heard of the limit.
            let client = try await RPCClient.connect(to: server.port)
            #expect(try await client.call("/Test/Echo").status == 0)
            let stream = try await client.begin(
                "/Test/Echo", fields: [("long", String(repeating: "x", count: 4_000))])
            let answer = await client.answer(stream)
            #expect(answer.status == nil)
            #expect(try await other.call("/Test/Echo").status == 0)
        }
    }

    @Test func aTakenPortIsAnError() async throws {
        try await withServer { server, methods in
            let configuration = RPCServerConfiguration(host: "127.0.0.1", port: server.port)
            await #expect(throws: IOError.self) {
                _ = try await RPCServer.start(
                    configuration, methods: methods.table,
                    on: .singletonMultiThreadedEventLoopGroup)
            }
        }
    }

    @Test func tlsWithNegotiatedHTTP2() async throws {
        let tls = try TestIdentity.server()
        try await withServer({ $0.tls = { tls } }) { server, _ in
            let client = try await RPCClient.connect(
                to: server.port, tls: TestIdentity.client(protocols: ["h2"]))
            let message = [UInt8](repeating: 2, count: 200_000)
            #expect(try await client.call("/Test/Echo", [message]).messages == [message])
            let old = try await RPCClient.connect(
                to: server.port, tls: TestIdentity.client(protocols: ["http/1.1"]))
            await old.inbox.wait { $0.isClosed ? () : nil }
        }
    }
}
