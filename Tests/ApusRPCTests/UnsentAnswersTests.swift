import ApusRPC
import NIOCore
import NIOHTTP2
import Testing

/// Clients that do not read their answers.
@Suite struct UnsentAnswersTests {
    /// Asks for a message of 60,000 bytes.
    private static let sixty: [UInt8] = [0, 0, 0xEA, 0x60]

    @Test func whatWaitsForOneClientIsBounded() async throws {
        try await withServer({ $0.unsentBytesMax = 100_000 }) { server, _ in
            let client = try await RPCClient.connect(to: server.port, windowBytes: 0)
            var streams: [HTTP2StreamID] = []
            for _ in 0..<3 {
                let stream = try await client.begin("/Test/Zeros")
                try await client.send(RPCClient.framed(Self.sixty), on: stream, end: true)
                streams.append(stream)
            }
            // The first two are within the bound when they are made, and wait.
            #expect(await client.answer(streams[2]).status == 8)
            #expect(!client.hasEnded(streams[0]) && !client.hasEnded(streams[1]))
            // Small answers, and other clients, are as before.
            #expect(try await client.call("/Test/Fail").status == 9)
            let other = try await RPCClient.connect(to: server.port)
            #expect(try await other.call("/Test/Zeros", [Self.sixty]).status == 0)
        }
    }

    @Test func whatWaitsForAllClientsIsBounded() async throws {
        try await withServer({ $0.allUnsentBytesMax = 100_000 }) { server, _ in
            let first = try await RPCClient.connect(to: server.port, windowBytes: 0)
            let stream = try await first.begin("/Test/Zeros")
            try await first.send(RPCClient.framed(Self.sixty), on: stream, end: true)
            await first.inbox.wait { $0.answers[stream]?.httpStatus }
            let second = try await RPCClient.connect(to: server.port)
            #expect(try await second.call("/Test/Zeros", [Self.sixty]).status == 8)
            try await first.close()
            // What the first had is free once the server sees that it is gone.
            while try await second.call("/Test/Zeros", [Self.sixty]).status == 8 {}
        }
    }

    @Test func whoTakesNothingForAWhileIsCutOff() async throws {
        try await withServer({ $0.stallTimeout = .milliseconds(20) }) { server, _ in
            let client = try await RPCClient.connect(to: server.port, windowBytes: 1_000)
            let stream = try await client.begin("/Test/Zeros")
            try await client.send(RPCClient.framed(Self.sixty), on: stream, end: true)
            await client.inbox.wait { $0.isClosed ? () : nil }
        }
    }
}
