import ApusCore
import ApusWire
import Foundation
import TestSupport
import Testing

@Suite struct JSONWriterTests {
    @Test func commasStandBetweenValuesOnly() {
        var writer = JSONWriter()
        writer.beginArray()
        writer.write(1)
        writer.beginObject()
        writer.endObject()
        writer.beginObject()
        writer.member("a", true)
        writer.member("left_out", nil as Int?)
        writer.key("b")
        writer.beginArray()
        writer.endArray()
        writer.endObject()
        writer.writeNull()
        writer.endArray()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #"[1,{},{"a":true,"b":[]},null]"#)
    }

    @Test func whatHasToBeEscapedIs() {
        let text = "\"\\/\n\r\t\u{8}\u{0}\u{1f}é🦅"
        #expect(
            String(decoding: JSONValue.string(text).jsonBytes, as: UTF8.self)
                == #""\"\\/\n\r\t\u0008\u0000\u001fé🦅""#)
    }

    @Test func valuesReadBackAsTheyWereWritten() throws {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<5000 {
            let value = randomValue(&random, depth: 4)
            let bytes = value.jsonBytes
            #expect(try parse(bytes) == value)
            // Another implementation reads the same.
            let theirs = try JSONSerialization.jsonObject(
                with: Data(bytes), options: .fragmentsAllowed)
            #expect(try parse([UInt8](serialized(theirs))) == parse([UInt8](serialized(theirs))))
        }
    }

    private func serialized(_ value: Any) throws -> Data {
        try JSONSerialization.data(withJSONObject: value, options: .fragmentsAllowed)
    }

    private func randomValue(_ random: inout SeededGenerator, depth: Int) -> JSONValue {
        switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2: return .integer(Int64(truncatingIfNeeded: random.next()))
        case 3: return .integer(Int64.random(in: -5...5, using: &random))
        case 4: return .double(Double.random(in: -1e6...1e6, using: &random))
        case 5: return .string(randomText(&random))
        case 6:
            return .array(
                (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    randomValue(&random, depth: depth - 1)
                })
        default:
            var members: Payload = [:]
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                members[randomText(&random)] = randomValue(&random, depth: depth - 1)
            }
            return .object(members)
        }
    }

    private func randomText(_ random: inout SeededGenerator) -> String {
        let alphabet = Array("ab\"\\/\n\t\u{0}\u{1f}\u{7f}é語🦅")
        return String(
            (0..<Int.random(in: 0...6, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            })
    }
}
