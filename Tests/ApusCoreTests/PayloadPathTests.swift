import ApusCore
import Testing

@Suite struct PayloadPathTests {
    @Test(
        arguments: [
            ("foo", [.key("foo")]),
            (
                "foo[1][50].bar-baz[].\"qux[.]quux\"",
                [
                    .key("foo"), .element(1), .element(50), .key("bar-baz"), .everyElement,
                    .key("qux[.]quux"),
                ]
            ),
            ("\"a.b\".c", [.key("a.b"), .key("c")]),
            ("\"\".x", [.key(""), .key("x")]),
            ("schlüssel.鍵_1", [.key("schlüssel"), .key("鍵_1")]),
        ] as [(String, [PayloadPath.Step])])
    func readsThePathsOfTheWireAPIAndPrintsThemBack(text: String, steps: [PayloadPath.Step]) {
        #expect(PayloadPath(text)?.steps == steps)
        #expect(PayloadPath(text)?.description == text)
    }

    @Test(arguments: [
        "", ".", "a.", ".a", "a..b", "[0]", "[]", "a[", "a[-1]", "a[1", "a[x]", "a b", "a\"b\"",
        "\"a", "a.\"b", "a[0]b", "\"a\\\"b\"", "a[99999999999999999999]", "a!",
    ])
    func refusesWhatIsNoPath(text: String) {
        #expect(PayloadPath(text) == nil)
    }

    @Test func aKeyWithSpecialCharactersIsQuoted() {
        #expect(PayloadPath(key: "first name").description == "\"first name\"")
        #expect(PayloadPath(key: "").description == "\"\"")
    }

    @Test func pathsFindValuesInArraysOnlyWhenTheySaySo() {
        let payload: Payload = [
            "a": ["b": 1], "n": [["x": 1], ["x": 2], ["y": 3], 4], "deep": [[1, 2], [3]],
        ]
        func values(_ path: String) -> [JSONValue] {
            var found: [JSONValue] = []
            if let path = PayloadPath(path) { payload.forEachValue(at: path) { found.append($0) } }
            return found
        }
        #expect(values("a.b") == [1])
        #expect(values("n.x") == [])
        #expect(values("n[].x") == [1, 2])
        #expect(values("n[1].x") == [2])
        #expect(values("n[9].x") == [])
        #expect(values("deep[]") == [[1, 2], [3]])
        #expect(values("deep[][]") == [1, 2, 3])
        #expect(values("deep[][0]") == [1, 3])
        #expect(values("a[]") == [])
        #expect(values("missing") == [])
        #expect(payload.flattenedValues(at: PayloadPath(key: "deep")) == [[1, 2], [3]])
        #expect(payload.flattenedValues(at: PayloadPath(key: "a")) == [["b": 1]])
    }
}
