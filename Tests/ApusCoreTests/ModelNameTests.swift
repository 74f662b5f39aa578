import ApusCore
import Testing

@Suite("Names of models, and declarations") struct ModelNameTests {
    @Test(
        "A name is an id, and behind the last @ its version",
        arguments: [
            ("mini", ModelName("mini")), ("mini@2", ModelName("mini", version: "2")),
            ("a@b@c", ModelName("a@b", version: "c")), ("@cf/baai/bge", ModelName("@cf/baai/bge")),
            ("@cf/bge@1", ModelName("@cf/bge", version: "1")), ("mini@", ModelName("mini")),
        ])
    func names(text: String, name: ModelName) {
        #expect(ModelName(text: text) == name)
    }

    @Test("A version that is not said is any") func agreement() {
        let (any, one, two) = (
            ModelName("m"), ModelName("m", version: "1"), ModelName("m", version: "2")
        )
        #expect(any.agrees(with: one) && one.agrees(with: any) && one.agrees(with: one))
        #expect(!one.agrees(with: two))
        #expect(!any.agrees(with: ModelName("n")))
    }

    @Test(
        "A declaration is read as it is written",
        arguments: [
            ModelDeclaration(
                any: ModelName("sentence-transformers/all-MiniLM-L6-v2", version: "1")),
            ModelDeclaration(fields: [
                "": ModelName("m"), "text": ModelName("n", version: "ä, =@%"),
            ]),
            ModelDeclaration(any: ModelName("a b"), fields: ["x=y,z@%": ModelName("@cf/m")]),
        ])
    func roundTrip(declaration: ModelDeclaration) throws {
        let text = declaration.text
        #expect(text.utf8.allSatisfy { (0x21...0x7E).contains($0) })
        #expect(try ModelDeclaration(text: text, in: "test") == declaration)
    }

    @Test("Spaces around the parts do not count") func spaces() throws {
        let declaration = try ModelDeclaration(text: " text = m@1 , n ", in: "test")
        #expect(
            declaration
                == ModelDeclaration(
                    any: ModelName("n"), fields: ["text": ModelName("m", version: "1")]))
    }

    @Test(
        "What is no declaration is refused, and the place is named",
        arguments: [
            "", " ", ",", "a,b", "a=m,a=n", "a=", "a=m,", "%", "%4", "%zz", "%+1", "%FF", "a=%C3",
        ])
    func malformed(text: String) {
        let error = #expect(throws: DatabaseError.self) {
            try ModelDeclaration(text: text, in: "header apus-model")
        }
        #expect(error?.kind == .invalidArgument)
        #expect(error?.message.contains("header apus-model: `\(text)`") == true)
    }
}
