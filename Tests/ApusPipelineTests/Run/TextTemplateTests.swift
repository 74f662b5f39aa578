import ApusCore
import ApusPipeline
import Testing

@Suite struct TextTemplateTests {
    @Test("Fields take their places, and what is missing leaves nothing")
    func text() throws {
        let template = try TextTemplate("{{{title}}}: {author.name} {tags} {year}{none}{null}")
        let fields: Payload = [
            "title": "T", "author": .object(["name": "N"]), "tags": ["a", "b"], "year": 1999,
            "null": nil,
        ]
        #expect(template.text(of: fields) == "{T}: N a\nb 1999")
    }

    @Test(
        "A template of one part is that part",
        arguments: [("{a}", "A"), ("{none}", ""), ("{b.c}", "7"), ("text", "text"), ("", "")])
    func onePart(source: String, text: String) throws {
        let fields: Payload = ["a": "A", "b": .object(["c": 7])]
        #expect(try TextTemplate(source).text(of: fields) == text)
    }

    @Test("What is no template is named", arguments: ["{", "a}", "{}", "{a b}", "{a"])
    func malformed(_ text: String) {
        #expect(throws: TextTemplate.Malformed.self) { try TextTemplate(text) }
    }
}
