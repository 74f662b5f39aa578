import ApusCore
import ApusPipeline
import Testing

@Suite struct RecordKeyTests {
    private func key(_ fields: String...) throws -> RecordKey {
        RecordKey(try fields.map { try #require(PayloadPath($0)) })
    }

    @Test("An only field is its text, several are the JSON array of theirs")
    func texts() throws {
        let fields: Payload = ["a": "x", "b": .object(["c": 7]), "d": "", "e": .null]
        #expect(try key("a").text(in: fields) == "x")
        #expect(try key("b.c", "a").text(in: fields) == #"["7","x"]"#)
        #expect(try key("a", "d").text(in: fields) == #"["x",""]"#)
        #expect(throws: RecordKey.MissingField.self) { try key("d").text(in: fields) }
        #expect(throws: RecordKey.MissingField.self) { try key("a", "e").text(in: fields) }
        #expect(throws: RecordKey.MissingField.self) { try key("a", "f").text(in: fields) }
        #expect(try key("b.c", "a").topFields == ["a", "b"])
    }

    @Test("Different parts have different texts, from which they come again")
    func parts() {
        let all = ["", "a", "a,b", "\"", "\\", "[\"a\",\"b\"]", "é\u{0}", "\n", "null"]
        var seen: [String: [String]] = [:]
        for first in all {
            for second in all {
                let text = RecordKey.text(of: [first, second])
                #expect(seen.updateValue([first, second], forKey: text) == nil)
                #expect(RecordKey.parts(of: text, count: 2) == [first, second])
                #expect(RecordKey.parts(of: text, count: 3) == nil)
            }
            #expect(RecordKey.text(of: [first]) == first)
            #expect(RecordKey.parts(of: first, count: 1) == [first])
        }
        #expect(RecordKey.parts(of: "[1,2]", count: 2) == nil)
        #expect(RecordKey.parts(of: "no JSON", count: 2) == nil)
    }
}
