import ApusCore
import ApusWire
import Testing

@Suite struct JSONReaderTests {
    @Test func valuesOfEveryKindAreRead() throws {
        #expect(try parse(" null ") == .null)
        #expect(try parse("[true,false]") == [true, false])
        #expect(
            try parse("{\"a\": [1, -2, 3.5, \"x\"], \"b\": {}}") == [
                "a": [1, -2, 3.5, "x"], "b": [:],
            ])
        #expect(try parse("[\t\n\r ]") == [])
        #expect(try parse("\"\"") == "")
    }

    @Test func integersStayIntegersAndOthersBecomeDoubles() throws {
        #expect(try parse("9223372036854775807") == .integer(.max))
        #expect(try parse("-9223372036854775808") == .integer(.min))
        #expect(try parse("9223372036854775808") == .double(9_223_372_036_854_775_808))
        #expect(try parse("1.0") == .double(1))
        #expect(try parse("1e2") == .double(100))
        #expect(try parse("9007199254740993") == .integer(9_007_199_254_740_993))
    }

    @Test func theLastOfEqualKeysWins() throws {
        #expect(try parse("{\"a\":1,\"b\":2,\"a\":3}") == ["a": 3, "b": 2])
    }

    @Test func escapesAreDecoded() throws {
        #expect(try parse(#""\"\\\/\b\f\n\r\t""#) == .string("\"\\/\u{8}\u{c}\n\r\t"))
        #expect(try parse(#""Kölné🦅""#) == "Kölné🦅")
        #expect(try parse(#""\ud83e\udd85!""#) == "🦅!")
        #expect(try parse(#""\u0000""#) == "\u{0}")
        #expect(try parse(#"{"\u0061":1}"#) == ["a": 1])
    }

    @Test(arguments: [
        "", " ", "nul", "nulll", "tru", "truefalse", "True", "NaN", "Infinity", "-Infinity",
        "undefined",
        "[", "]", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1}", "{", "}", "{\"a\"", "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,", "{\"a\":1,}", "{a:1}", "{'a':1}", "{\"a\" 1}", "{1:2}", "{\"a\":1]", "{,}",
        "1 2", "[] []", "{}x", "// comment\n1", "\u{feff}1",
        "01", "-", "-a", "+1", "1.", ".5", "1.e5", "1e", "1e+", "0x10", "1_000", "--1", "1.2.3",
        "- 1",
        "1e400", "-1e400",
        "\"", "\"a", "\"a\nb\"", "\"\u{1}\"", #""\x""#, #""\u12""#, #""\u12G4""#, #""\ud800""#,
        #""\ud800x""#, #""\ud800\n""#, #""\ud800\ud800""#, #""\udc00""#, #""\"#, #""\u"#,
    ])
    func whatIsNotJSONIsRefused(text: String) {
        #expect { try parse(text) } throws: { error in
            (error as? DatabaseError)?.kind == .invalidArgument
                && "\(error)".hasPrefix("Format error in JSON body: ")
                && "\(error)".contains(" at byte ")
        }
    }

    @Test(
        arguments: [
            [0xff], [0x22, 0xff, 0x22], [0x22, 0xc3, 0x22], [0x22, 0xc0, 0x80, 0x22],
            [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0xf5, 0x80, 0x80, 0x80, 0x22],
            [0x22, 0x5c, 0x6e, 0xff, 0x22], [0x00], [0x5b, 0x00, 0x5d],
        ] as [[UInt8]])
    func bytesThatAreNotUTF8AreRefused(bytes: [UInt8]) {
        #expect(throws: DatabaseError.self) { try parse(bytes) }
    }

    @Test func errorsNameTheByteAndThePath() {
        let text = #"{"points": [{"id": 1}, {"id": 2, "payload": {"a": {"b": [1, 2, oops]}}}]}"#
        let place = text.utf8.count - "oops]}}}]}".utf8.count
        #expect { try parse(text) } throws: { error in
            "\(error)".hasPrefix(
                "Format error in JSON body: points[1].payload.a.b[2]: expected a value")
                && "\(error)".hasSuffix("at byte \(place)")
        }
    }

    @Test func nestingIsBoundedButGenerous() throws {
        let allowed = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        _ = try parse(allowed)
        for opening in ["[", "{\"a\":", "[{\"a\":"] {
            let deep = String(repeating: opening, count: 100_000)
            #expect { try parse(deep) } throws: { "\($0)".contains("nested more than 128") }
        }
    }

    @Test func longTextsInErrorsAreCut() {
        let text = "[\"" + String(repeating: "x", count: 1_000_000) + "\" oops"
        #expect { try parse(text) } throws: { "\($0)".utf8.count < 500 }
        let key = "{\"" + String(repeating: "k", count: 1_000_000) + "\": oops"
        #expect { try parse(key) } throws: { "\($0)".utf8.count < 500 }
    }

    @Test func aCopyLooksAheadWithoutMovingTheOriginal() throws {
        let value = try unsafe RequestDecoder.decode(Array("[1, [2]] ".utf8).span.bytes) {
            (reader) throws(JSONError) in
            var ahead = reader
            try ahead.skipValue()
            return try reader.readValue()
        }
        #expect(value == [1, [2]])
    }
}
