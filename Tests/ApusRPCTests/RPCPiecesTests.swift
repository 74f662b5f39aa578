import ApusRPC
import NIOCore
import NIOHPACK
import Testing

/// The parts of the protocol that need no connection.
@Suite struct RPCPiecesTests {
    @Test(arguments: [
        ("plain text, with: punctuation!", "plain text, with: punctuation!"),
        ("100 %", "100 %25"), ("a\nb", "a%0Ab"), ("größe", "gr%C3%B6%C3%9Fe"), ("", ""),
        ("🐦", "%F0%9F%90%A6"), ("\u{7F}", "%7F"),
    ])
    func statusMessagesArePercentEncoded(_ text: String, _ encoded: String) {
        #expect(StatusMessage.encode(text) == encoded)
    }

    /// Messages and what is read at once never end together, so some bytes always wait.
    @Test func aLongStreamOfMessagesTakesNoMoreMemoryThanAMessage() throws {
        var reader = MessageReader(messageBytesMax: 1 << 20, encoding: .identity)
        let frame = FramedMessage(byteCount: 999).frame
        var rest = ByteBuffer()
        var count = 0
        for _ in 0..<5_000 {
            rest.writeImmutableBuffer(frame)
            let part = rest.readSlice(length: min(1003, rest.readableBytes))
            reader.append(try #require(part))
            while let message = try reader.next() {
                #expect(message.readableBytes == 999)
                count += 1
            }
            rest.discardReadBytes()
        }
        #expect(count > 4_900)
        #expect(reader.capacity < 64 << 10)
    }

    @Test func aStatusMessageIsCutBetweenCharacters() {
        let encoded = StatusMessage.encode(String(repeating: "ß", count: 5_000))
        #expect(encoded.utf8.count <= 4_096)
        #expect(encoded.utf8.count > 4_000)
        #expect(encoded.utf8.count % 6 == 0)
    }

    @Test(arguments: 0..<70) func base64ReadsWhatItWrites(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 41 + count) }
        let text = Base64.encode(bytes)
        #expect(Base64.decode(text.utf8) == bytes)
        let padding = String(repeating: "=", count: (4 - text.count % 4) % 4)
        #expect(Base64.decode((text + padding).utf8) == bytes)
    }

    @Test(arguments: ["A", "AAAAA", "AA=A", "A===", "=", "AA-_", "AAA==", "AB C"])
    func whatIsNoBase64IsRefused(_ text: String) {
        #expect(Base64.decode(text.utf8) == nil)
    }

    @Test func base64OfTheStandard() {
        #expect(Base64.encode("foobar".utf8) == "Zm9vYmFy")
        #expect(Base64.encode("fooba".utf8) == "Zm9vYmE")
        #expect(Base64.encode("foob".utf8) == "Zm9vYg")
    }

    @Test func metadataHoldsTextAndBytes() {
        var metadata = RPCMetadata()
        metadata.add("one", for: "Name")
        metadata.add("two\nlines", for: "name")
        metadata.add(bytes: [0, 255, 7], for: "key-bin")
        #expect(metadata.first("name") == "one")
        #expect(metadata.values("NAME") == ["one", "two?lines"])
        #expect(metadata.bytes("key-bin") == [[0, 255, 7]])
        #expect(metadata.first("other") == nil)
        let joined = RPCMetadata(["key-bin": "AP8H,AQ==,?,Ag"])
        #expect(joined.bytes("key-bin") == [[0, 255, 7], [1], [2]])
    }

    @Test(arguments: [
        ("1n", 1), ("25u", 25_000), ("3m", 3_000_000), ("10S", 10_000_000_000),
        ("1M", 60_000_000_000), ("1H", 3_600_000_000_000), ("0S", 0),
    ])
    func timeoutsAreDigitsAndAUnit(_ text: String, _ nanoseconds: Int) {
        #expect(RPCTimeout.parse(text) == .nanoseconds(Int64(nanoseconds)))
    }

    @Test(arguments: ["", "S", "1", "1x", "-1S", "123456789S", "1 S", "+1S", "1.5S", "١S"])
    func whatIsNoTimeoutIsRefused(_ text: String) {
        #expect(RPCTimeout.parse(text) == nil)
    }

    @Test func aLongTimeoutIsAYear() {
        #expect(RPCTimeout.parse("99999999H") == .hours(365 * 24))
    }

    @Test(arguments: [1, 2, 3, 5, 7, 64]) func messagesComeInPiecesOfAnySize(_ size: Int) throws {
        let messages: [[UInt8]] = [[], [1], Array(0..<100), [], Array(repeating: 9, count: 1_000)]
        let bytes = messages.flatMap { RPCClient.framed($0) }
        var reader = MessageReader(messageBytesMax: 1_000, encoding: .identity)
        var found: [[UInt8]] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            reader.append(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
            while let message = try reader.next() { found.append(Array(message.readableBytesView)) }
        }
        #expect(found == messages)
        #expect(!reader.isInMessage)
    }

    @Test func aReaderRefusesWhatIsNoMessage() {
        func refusal(_ bytes: [UInt8], _ encoding: MessageEncoding = .identity) -> RPCStatusCode? {
            var reader = MessageReader(messageBytesMax: 10, encoding: encoding)
            reader.append(ByteBuffer(bytes: bytes))
            do {
                _ = try reader.next()
                return nil
            } catch {
                return error.code
            }
        }
        #expect(refusal([2, 0, 0, 0, 0]) == .internalError)
        #expect(refusal([1, 0, 0, 0, 0]) == .internalError)
        #expect(refusal([0, 0, 0, 0, 11]) == .resourceExhausted)
        #expect(refusal([0, 255, 255, 255, 255]) == .resourceExhausted)
        #expect(refusal([1, 0, 0, 0, 3, 1, 2, 3], .gzip) == .internalError)
        #expect(refusal([1, 0, 0, 0, 0], .deflate) == .internalError)
        #expect(refusal([0, 0, 0, 0]) == nil)
    }

    @Test(arguments: [MessageEncoding.gzip, .deflate])
    func whatWasCompressedExpands(_ encoding: MessageEncoding) throws {
        for count in [1_024, 5_000, 300_000] {
            let message = ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 / 9) })
            let compressed = try #require(Zlib.compress(message, encoding))
            #expect(compressed.readableBytes < count / 2)
            #expect(try Zlib.expand(compressed, encoding, byteCountMax: count) == message)
            #expect(throws: RPCError.self) {
                try Zlib.expand(compressed, encoding, byteCountMax: count - 1)
            }
            for cut in [0, 1, compressed.readableBytes / 2, compressed.readableBytes - 1] {
                let part = try #require(compressed.getSlice(at: 0, length: cut))
                #expect(throws: RPCError.self) {
                    try Zlib.expand(part, encoding, byteCountMax: count)
                }
            }
        }
    }

    @Test func bytesThatDoNotShrinkAreNotCompressed() {
        var state: UInt64 = 7
        let noise = ByteBuffer(
            bytes: (0..<2_000).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            })
        #expect(Zlib.compress(noise, .gzip) == nil)
    }

    @Test func aSmallMessageThatExpandsWithoutEndIsRefused() throws {
        let zeros = ByteBuffer(repeating: 0, count: 4 << 20)
        let bomb = try #require(Zlib.compress(zeros, .gzip))
        do {
            _ = try Zlib.expand(bomb, .gzip, byteCountMax: 1 << 20)
            Issue.record("4 MiB came out of a limit of 1")
        } catch {
            #expect(error.code == .resourceExhausted)
        }
    }

    @Test func aFramedMessageIsItsPrefixAndItsBytes() {
        let message = FramedMessage(bytes: [7, 8, 9])
        #expect(Array(message.frame.readableBytesView) == [0, 0, 0, 0, 3, 7, 8, 9])
        #expect(message.byteCount == 3)
        #expect(Array(message.message.readableBytesView) == [7, 8, 9])
        var blank = FramedMessage(byteCount: 2)
        unsafe blank.withUnsafeMutableBytes { bytes in
            unsafe bytes.copyBytes(from: [5, 6] as [UInt8])
        }
        #expect(Array(blank.frame.readableBytesView) == [0, 0, 0, 0, 2, 5, 6])
        let empty = FramedMessage(byteCount: 0)
        #expect(Array(empty.frame.readableBytesView) == [0, 0, 0, 0, 0])
    }
}
