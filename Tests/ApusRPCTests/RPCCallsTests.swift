import ApusRPC
import NIOCore
import NIOHTTP2
import Synchronization
import Testing

/// Calls and answers over loopback, seen from a client that sends what it likes.
@Suite struct RPCCallsTests {
    @Test(arguments: ["Echo", "Elsewhere", "Mirror"])
    func aUnaryCallIsAnsweredWithHeadersMessageAndTrailers(_ method: String) async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            for message: [UInt8] in [[], [1, 2, 3], Array(repeating: 7, count: 3_000_000)] {
                let answer = try await client.call("/Test/\(method)", [message])
                #expect(answer.httpStatus == "200")
                #expect(answer.headers.first(name: "content-type") == "application/grpc")
                #expect(answer.messages == [message])
                #expect(answer.trailers.first(name: "grpc-status") == "0")
                #expect(answer.resetCode == nil)
            }
            try await client.close()
        }
    }

    @Test func aMessageMayComeByteByByte() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Echo")
            let bytes = RPCClient.framed([1, 2, 3, 4])
            for (index, byte) in bytes.enumerated() {
                try await client.send([byte], on: stream, end: index == bytes.count - 1)
            }
            #expect(await client.answer(stream).messages == [[1, 2, 3, 4]])
        }
    }

    @Test(arguments: ["/Test/Nothing", "/Nothing/Echo", "/nothing", "/"])
    func anUnknownMethodIsUnimplemented(_ path: String) async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            #expect(try await client.call(path).status == 12)
            #expect(try await client.call("/Test/Echo").status == 0)
        }
    }

    @Test func whatIsNoCallGetsAnHTTPStatus() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            #expect(try await client.call("/Test/Echo", method: "GET").httpStatus == "405")
            for type in ["application/json", "text/html", "application/grpcx", ""] {
                let answer = try await client.call("/Test/Echo", contentType: type)
                #expect(answer.httpStatus == "415", "\(type)")
            }
            for type in [
                "application/grpc+proto", "application/grpc;charset=x", "Application/GRPC",
            ] {
                #expect(
                    try await client.call("/Test/Echo", contentType: type).status == 0, "\(type)")
            }
        }
    }

    @Test func brokenHeadersAreNamed() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let withoutTe = try await client.call("/Test/Echo", te: nil)
            #expect(withoutTe.status == 3)
            #expect(withoutTe.statusMessage.contains("te"))
            let timeout = try await client.call("/Test/Echo", fields: [("grpc-timeout", "soon")])
            #expect(timeout.status == 3)
            #expect(timeout.statusMessage.contains("grpc-timeout"))
            let encoding = try await client.call(
                "/Test/Echo", fields: [("grpc-encoding", "snappy")])
            #expect(encoding.status == 12)
            #expect(
                encoding.headers.first(name: "grpc-accept-encoding") == "identity,gzip,deflate")
        }
    }

    @Test func requestsThatAreNoMessageGetAStatus() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let cases: [(bytes: [UInt8], status: Int)] = [
                ([], 12), (RPCClient.framed([1]) + RPCClient.framed([2]), 12),
                ([0, 0, 0], 13), ([0, 0, 0, 0, 5, 1], 13), ([9, 0, 0, 0, 0], 13),
                (RPCClient.framed([1], flag: 1), 13), ([0, 255, 255, 255, 255], 8),
            ]
            for each in cases {
                let stream = try await client.begin("/Test/Echo")
                try await client.send(each.bytes, on: stream, end: true)
                #expect(await client.answer(stream).status == each.status, "\(each.bytes)")
            }
            let bare = try await client.begin("/Test/Echo", end: true)
            #expect(await client.answer(bare).status == 12)
            #expect(try await client.call("/Test/Echo", [[1]]).messages == [[1]])
        }
    }

    @Test func aRequestBeyondTheLimitIsRefusedBeforeItIsSent() async throws {
        try await withServer({ $0.requestBytesMax = 1_000 }) { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Echo")
            try await client.send([0, 0, 0, 3, 233], on: stream, end: false)
            let answer = await client.answer(stream)
            #expect(answer.status == 8)
            #expect(answer.statusMessage.contains("1001"))
            await client.inbox.wait { $0.answers[stream]?.resetCode == .noError ? () : nil }
            let largest = [UInt8](repeating: 1, count: 1_000)
            #expect(try await client.call("/Test/Echo", [largest]).messages == [largest])
        }
    }

    @Test func anAnswerBeyondTheLimitIsAnError() async throws {
        try await withServer({ $0.answerBytesMax = 1_000 }) { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            #expect(try await client.call("/Test/Zeros", [[0, 0, 3, 232]]).status == 0)
            let answer = try await client.call("/Test/Zeros", [[0, 0, 3, 233]])
            #expect(answer.status == 8)
            #expect(answer.messages.isEmpty)
        }
    }

    @Test func metadataGoesBothWays() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let answer = try await client.call(
                "/Test/Mirror", fields: [("text", "a b"), ("key-bin", "AAEC"), ("key-bin", "Aw==")])
            #expect(answer.headers.first(name: "text") == "a b")
            #expect(answer.headers["key-bin"] == ["AgEA", "Aw"])
        }
    }

    @Test func errorsOfHandlersAreStatuses() async throws {
        try await withServer { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let answer = try await client.call("/Test/Fail", [Array("größer als 5 %".utf8)])
            #expect(answer.status == 9)
            #expect(answer.statusMessage == "gr%C3%B6%C3%9Fer als 5 %25")
            #expect(answer.messages.isEmpty)
            #expect(try await client.call("/Test/Break").status == 13)
        }
    }

    @Test(arguments: ["gzip", "deflate"])
    func compressedRequestsGetCompressedAnswers(_ name: String) async throws {
        try await withServer({ $0.requestBytesMax = 100_000 }) { server, _ in
            let encoding = try #require(MessageEncoding(rawValue: name))
            let client = try await RPCClient.connect(to: server.port)
            func call(_ message: [UInt8], _ accepted: String?) async throws -> RPCClient.Answer {
                var fields = [("grpc-encoding", name)]
                if let accepted { fields.append(("grpc-accept-encoding", accepted)) }
                let stream = try await client.begin("/Test/Echo", fields: fields)
                let compressed = try #require(Zlib.compress(ByteBuffer(bytes: message), encoding))
                try await client.send(
                    RPCClient.framed(Array(compressed.readableBytesView), flag: 1), on: stream,
                    end: true)
                return await client.answer(stream)
            }
            let message = [UInt8](repeating: 3, count: 50_000)
            let small = try await call(message, "identity, \(name)")
            #expect(small.headers.first(name: "grpc-encoding") == name)
            #expect(small.bytes.first == 1)
            #expect(small.bytes.count < 1_000)
            let expanded = try Zlib.expand(
                ByteBuffer(bytes: small.messages[0]), encoding, byteCountMax: 50_000)
            #expect(Array(expanded.readableBytesView) == message)
            let plain = try await call(message, nil)
            #expect(plain.headers.first(name: "grpc-encoding") == nil)
            #expect(plain.messages == [message])
            let bomb = try await call([UInt8](repeating: 0, count: 100_001), nil)
            #expect(bomb.status == 8)
        }
    }

    @Test func manyCallsAtOnceOnOneConnection() async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            var streams: [HTTP2StreamID] = []
            for number in 0..<200 {
                let stream = try await client.begin("/Test/Hold")
                try await client.send(RPCClient.framed([UInt8(number)]), on: stream, end: true)
                streams.append(stream)
            }
            var calls: [(message: [UInt8], call: RPCCall)] = []
            for _ in 0..<200 { calls.append(await methods.held.take()) }
            await withDiscardingTaskGroup { group in
                for each in calls.reversed() {
                    group.addTask { each.call.respond(FramedMessage(bytes: each.message)) }
                }
            }
            for (number, stream) in streams.enumerated() {
                #expect(await client.answer(stream).messages == [[UInt8(number)]])
            }
        }
    }

    @Test func onlyTheFirstAnswerCounts() async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin("/Test/Hold")
            try await client.send(RPCClient.framed([1]), on: stream, end: true)
            let call = await methods.held.take().call
            call.respond(FramedMessage(bytes: [1]))
            call.respond(FramedMessage(bytes: [2]))
            call.fail(RPCError(.aborted, "too late"))
            let answer = await client.answer(stream)
            #expect(answer.messages == [[1]])
            #expect(answer.status == 0)
            #expect(!call.isCancelled)
        }
    }

    /// The audit log is written there: whoever has an answer finds it in the log.
    @Test(arguments: ["/Test/Mirror", "/Test/Both", "/Test/Fail"])
    func theCallIsAnsweredOnceTheHookAroundItHasReturned(_ path: String) async throws {
        let handled = Mailbox<String>()
        let mayReturn = Mailbox<Void>()
        let hooks = RPCHooks(around: { call, body in
            let result: Result<RPCEnding, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            handled.put(call.method.path)
            await mayReturn.take()
            return try result.get()
        })
        try await withServer(hooks: hooks) { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let stream = try await client.begin(path)
            try await client.send(RPCClient.framed([1]), on: stream, end: true)
            #expect(await handled.take() == path)
            // What came later is answered already.
            #expect(try await client.call("/Test/Echo").status == 0)
            #expect(!client.hasEnded(stream))
            mayReturn.put(())
            #expect(await client.answer(stream).status == (path == "/Test/Fail" ? 9 : 0))
        }
    }

    @Test func hooksRefuseAndCount() async throws {
        let finished = Mailbox<String>()
        let hooks = RPCHooks(
            admit: { call throws(RPCError) in
                guard call.metadata.first("key") == "right" else {
                    throw RPCError(.unauthenticated, "no key")
                }
            },
            finished: { call, code in finished.put("\(call.method.path) \(code)") })
        try await withServer(hooks: hooks) { server, _ in
            let client = try await RPCClient.connect(to: server.port)
            let refused = try await client.call("/Test/Echo")
            #expect(refused.status == 16)
            #expect(await finished.take() == "/Test/Echo unauthenticated")
            let admitted = try await client.call("/Test/Echo", fields: [("key", "right")])
            #expect(admitted.status == 0)
            #expect(await finished.take() == "/Test/Echo ok")
            #expect(try await client.call("/Test/Nothing").status == 12)
            #expect(try await client.call("/Test/Fail", fields: [("key", "right")]).status == 9)
            #expect(await finished.take() == "/Test/Fail failedPrecondition")
        }
    }

    /// Answers of many open calls leave in bunches; one alone is not kept until others come.
    @Test func oneAnswerAmongManyOpenCallsArrives() async throws {
        try await withServer { server, methods in
            let client = try await RPCClient.connect(to: server.port)
            var streams: [HTTP2StreamID] = []
            for number in 0..<64 {
                let stream = try await client.begin("/Test/Hold")
                try await client.send(
                    RPCClient.framed([UInt8(number)]), on: stream, end: true)
                streams.append(stream)
            }
            var calls: [(message: [UInt8], call: RPCCall)] = []
            for _ in streams { calls.append(await methods.held.take()) }
            for (stream, held) in zip(streams, calls) {
                held.call.respond(FramedMessage(bytes: held.message))
                #expect(await client.answer(stream).messages == [held.message])
            }
        }
    }
}
