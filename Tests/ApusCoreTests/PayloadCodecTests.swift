import ApusCore
import TestSupport
import Testing

@Suite struct PayloadCodecTests {
    @Test func payloadsComeBack() throws {
        for seed in 0..<500 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let payload = randomPayload(&random, depth: 4)
            let bytes = try encode(payload)
            #expect(try decode(bytes) == payload, "seed \(seed)")
        }
    }

    @Test func equalPayloadsGiveEqualBytes() throws {
        for seed in 0..<100 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let payload = randomPayload(&random, depth: 3)
            var copy: Payload = [:]
            for (key, value) in payload.shuffled(using: &random) { copy[key] = value }
            #expect(try encode(copy) == encode(payload), "seed \(seed)")
        }
    }

    @Test func smallValuesTakeFewBytes() throws {
        #expect(try encode([:]) == [0])
        #expect(try encode(["a": 1]) == [1, 1, 97, 3, 2])
        #expect(try encode(["b": true, "a": nil]) == [2, 1, 97, 0, 1, 98, 2])
        #expect(try encode(["a": ["x"]]) == [1, 1, 97, 6, 4, 0, 0, 0, 1, 5, 1, 120])
    }

    @Test func nestingIsBoundedBothWays() throws {
        func nested(_ depth: Int) -> Payload {
            var value: JSONValue = 1
            for _ in 0..<depth { value = [value] }
            return ["a": value]
        }
        let deepest = nested(JSONValue.depthMax)
        #expect(try decode(encode(deepest)) == deepest)
        #expect(throws: DatabaseError.self) { try encode(nested(JSONValue.depthMax + 1)) }
        var hostile: [UInt8] = [1, 1, 97]
        for depth in 0..<1000 {
            hostile += [6]
            let rest = UInt32(1 + (999 - depth) * 6)
            hostile += (0..<4).map { UInt8(truncatingIfNeeded: rest >> (8 * $0)) } + [1]
        }
        #expect(throws: MalformedBytes.self) { try decode(hostile) }
    }

    @Test func noByteThatChangesOrIsMissingTraps() throws {
        var random = SeededGenerator(seed: 7)
        let bytes = try encode(["x": randomValue(&random, depth: 4), "y": ["z": [1, [2.5, "é"]]]])
        for index in bytes.indices {
            _ = try? decode(Array(bytes[..<index]))
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                _ = try? decode(changed)
            }
        }
    }

    @Test func idsAndVectorsComeBack() throws {
        let ids: [PointID] = [
            .number(0), .number(.max), .uuid(UUIDBytes(high: 1, low: .max)),
        ]
        let vectors: [Vector] = [
            .dense([]), .dense([1.5, -0.25]), .sparse(SparseVector(indices: [], values: [])),
            .sparse(SparseVector(indices: [1, .max], values: [0.5, 2])),
            .multi([]), .multi([[1, 2], [3, 4], [5, 6]]),
        ]
        var writer = ByteWriter()
        for id in ids { writer.write(id) }
        for vector in vectors { writer.write(vector) }
        let bytes = writer.bytes
        try unsafe bytes.withUnsafeBytes { buffer throws in
            var reader = unsafe ByteReader(buffer)
            for id in ids { #expect(try reader.readPointID() == id) }
            for vector in vectors { #expect(try reader.readVector() == vector) }
            #expect(reader.isAtEnd)
        }
        for count in bytes.indices {
            unsafe bytes[..<count].withUnsafeBytes { buffer in
                var reader = unsafe ByteReader(buffer)
                for _ in ids { _ = try? reader.readPointID() }
                for _ in vectors { _ = try? reader.readVector() }
            }
        }
    }

    private func encode(_ payload: Payload) throws -> [UInt8] {
        var writer = ByteWriter()
        try writer.write(payload: payload)
        return writer.bytes
    }

    private func decode(_ bytes: [UInt8]) throws -> Payload {
        try unsafe bytes.withUnsafeBytes { buffer in
            var reader = unsafe ByteReader(buffer)
            return try reader.readPayload()
        }
    }
}
