import ApusCore
import ApusProto
import ApusWire
import SwiftProtobuf
import TestSupport
import Testing

/// The messages of `Query` that are read and written by hand, held against SwiftProtobuf.
@Suite struct QueryMessageTests {
    /// What most clients send, with every field that is read by hand.
    private static let message = Qdrant_QueryPoints.with {
        $0.collectionName = "größer"
        $0.query.nearest.dense.data = [1, -2.5, 0, .greatestFiniteMagnitude]
        $0.using = "dense"
        $0.filter.must = [.with { $0.hasVector_p.hasVector_p = "dense" }]
        $0.params.hnswEf = 77
        $0.params.exact = true
        $0.scoreThreshold = -0.5
        $0.limit = 5
        $0.offset = 1 << 40
        $0.withVectors.enable = true
        $0.withPayload.include.fields = ["a.b"]
        $0.timeout = 3
    }

    private static func plain(_ message: Qdrant_QueryPoints) throws -> QueryCall? {
        let bytes: [UInt8] = try message.serializedBytes()
        return try QueryCall(unsafe bytes.span.bytes)
    }

    @Test func theCommonQueryIsReadByHand() throws {
        let call = try #require(try Self.plain(Self.message))
        #expect(call == (try QueryCall(Self.message)))
        #expect(call.collection == "größer" && call.timeoutSeconds == 3)
        let least = Qdrant_QueryPoints.with { $0.query.nearest.dense.data = [1] }
        #expect(try Self.plain(least) == QueryCall(least))
        // Without a query it is a list of points.
        #expect(try Self.plain(Qdrant_QueryPoints()) == QueryCall(Qdrant_QueryPoints()))
    }

    @Test(arguments: [
        Qdrant_QueryPoints.with { $0.prefetch = [.with { $0.limit = 3 }] },
        .with { $0.query.nearest.id.num = 7 },
        .with { $0.query.nearest.sparse.indices = [1] },
        .with { $0.query.fusion = .rrf },
        .with { $0.query.nearest.dense = Qdrant_DenseVector() },
        .with { $0.lookupFrom.collectionName = "other" },
        .with { $0.shardKeySelector.shardKeys = [.with { $0.keyword = "a" }] },
    ])
    func otherQueriesAreLeftToSwiftProtobuf(_ message: Qdrant_QueryPoints) throws {
        #expect(try Self.plain(message) == nil)
    }

    @Test func wrongValuesAreRefused() throws {
        var message = Self.message
        message.limit = 0
        #expect(throws: DatabaseError.self) { try Self.plain(message) }
        message = Self.message
        message.withPayload.include.fields = ["a..b["]
        #expect(throws: DatabaseError.self) { try Self.plain(message) }
    }

    /// Wherever it ends, and whichever byte is another one, both ways of reading agree, or this one
    /// leaves it to SwiftProtobuf.
    @Test func brokenMessagesAreNotReadDifferently() throws {
        let whole: [UInt8] = try Self.message.serializedBytes()
        var readCount = 0
        for index in whole.indices {
            for byte: UInt8? in [nil, 0, 0x7f, 0xff, whole[index] ^ 1, whole[index] ^ 0x80] {
                var bytes = whole
                if let byte { bytes[index] = byte } else { bytes = Array(whole[..<index]) }
                guard let plain = try? QueryCall(unsafe bytes.span.bytes) else { continue }
                let call = try QueryCall(Qdrant_QueryPoints(serializedBytes: bytes))
                // As text: a number may have become one that is not equal to itself.
                #expect("\(plain)" == "\(call)")
                readCount += 1
            }
        }
        #expect(readCount > 20)
        // Fields that come twice are merged, by SwiftProtobuf.
        #expect(try QueryCall(unsafe (whole + whole).span.bytes) == nil)
    }

    @Test func answersAreWrittenAsSwiftProtobufWouldMeanThem() throws {
        var random = SeededGenerator(seed: 7)
        let points = (0..<200).map { number in
            let bits = UInt64.random(in: 0...63, using: &random)
            let id: PointID =
                number.isMultiple(of: 3)
                ? .uuid(UUIDBytes(high: random.next(), low: random.next()))
                : .number(random.next() >> bits)
            var point = ScoredPoint(
                id: id, score: Float.random(in: -1...1, using: &random),
                version: SequenceNumber(random.next() >> bits))
            if number.isMultiple(of: 2) { point.payload = RandomFilters.payload(&random) }
            if number.isMultiple(of: 5) { point.vectors = ["": .dense([1, 2])] }
            if number.isMultiple(of: 7) { point.orderValue = .integer(Int64(number)) }
            return point
        }
        let reply = try QueryReply(points, seconds: 0.25)
        let message = try Qdrant_QueryResponse(serializedBytes: reply.bytes)
        #expect(message.time == 0.25)
        #expect(message.result == points.map { Qdrant_ScoredPoint($0) })
        #expect(
            try Qdrant_QueryResponse(serializedBytes: QueryReply([], seconds: 0).bytes).result == []
        )
    }
}
