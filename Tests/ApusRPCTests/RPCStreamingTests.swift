import ApusRPC
import NIOCore
import NIOHTTP2
import Synchronization
import Testing

/// Streaming calls: messages both ways, and bounds on what waits.
@Suite struct RPCStreamingTests {
    @Test func messagesOfAClientAreReadInOrder() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let answer = try await client.call("/Test/Sum", [[1, 2], [], [3], [250, 250]])
            #expect(answer.messages == [Array("506".utf8)])
            #expect(answer.status == 0)
            #expect(try await client.call("/Test/Sum", []).messages == [Array("0".utf8)])
        }
    }

    @Test func messagesGoBothWaysAtOnce() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Both")
            await client.inbox.wait { $0.answers[stream]?.headers.first(name: "early") }
            for number: UInt8 in 1...20 {
                try await client.send(RPCClient.framed([number]), on: stream, end: false)
                await client.inbox.wait {
                    $0.answers[stream]?.messages.last == [number] ? () : nil
                }
            }
            try await client.send([], on: stream, end: true)
            let answer = await client.answer(stream)
            #expect(answer.messages == (1...20).map { [$0] })
            #expect(answer.trailers.first(name: "late") == "done")
            #expect(answer.status == 0)
        }
    }

    @Test func aBrokenStreamEndsWithAStatus() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Sum")
            try await client.send(RPCClient.framed([1]) + [7], on: stream, end: true)
            #expect(await client.answer(stream).status == 13)
        }
    }

    @Test func aHandlerMayEndBeforeItsClient() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Hasty")
            #expect(await client.answer(stream).status == 0)
            await client.inbox.wait { $0.answers[stream]?.resetCode == .noError ? () : nil }
            #expect(try await client.call("/Test/Echo").status == 0)
        }
    }

    @Test func aClientThatDoesNotReadHoldsTheWriter() async throws {
        try await withServer { server, methods in
            let window = 65_535
            let client = try await RPCClient.connect(to: server.port, windowBytes: window)
            let stream = try await client.begin("/Test/Pour", end: true)
            await client.inbox.wait {
                ($0.answers[stream]?.bytes.count ?? 0) == window ? () : nil
            }
            // Goes through the same event loop, after whatever the writer could still do.
            #expect(try await client.call("/Test/Elsewhere").status == 0)
            let most = (window + (64 << 10)) / 10_005 + 2
            #expect(methods.poured.load(ordering: .relaxed) <= most)
            try await client.write(.rstStream(.cancel), on: stream)
            #expect(await methods.cancelled.take() == "Pour")
        }
    }

    @Test func aHandlerThatDoesNotReadHoldsTheClient() async throws {
        try await withServer({ $0.streamWindowBytes = 100_000 }) { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Ignore")
            let message = RPCClient.framed([UInt8](repeating: 1, count: 9_995))
            async let sent: Void = {
                for _ in 0..<50 { try await client.send(message, on: stream, end: false) }
                try await client.send([], on: stream, end: true)
            }()
            // The server has taken a few messages by the time it answers this.
            #expect(try await client.call("/Test/Echo").status == 0)
            methods.gate.put(())
            #expect(await client.answer(stream).messages == [Array("499750".utf8)])
            try await sent
            #expect(client.inbox.state.answers[stream]?.windowUpdates ?? 0 >= 4)
        }
    }
}
