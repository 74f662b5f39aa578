import ApusCore
import ApusPipeline
import Testing

@Suite struct JSONParserTests {
    private func value(_ text: String) throws -> JSONValue {
        try JSONParser.value(in: Array(text.utf8))
    }

    @Test func integersStayExactAndDifferFromFloats() throws {
        #expect(try value("1") == .integer(1))
        #expect(try value("1.0") == .double(1))
        #expect(try value("1e0") == .double(1))
        #expect(try value("9223372036854775807") == .integer(.max))
        #expect(try value("-9223372036854775808") == .integer(.min))
        #expect(try value("9223372036854775808") == .double(9_223_372_036_854_775_808))
        #expect(try value("9007199254740993") == .integer(9_007_199_254_740_993))
        guard case .double(let zero) = try value("-0") else {
            Issue.record("-0 became an integer")
            return
        }
        #expect(zero.sign == .minus)
    }

    @Test(arguments: [
        "0.1", "3.141592653589793", "1e22", "1e23", "123456789012345678901234567890.5e-10",
        "2.2250738585072014e-308", "5e-324", "1.7976931348623157e308", "-0.0", "1E+2", "1e-400",
        "9007199254740993.0", "0.000000000000000000000000000000000000001",
    ])
    func floatsAreRoundedCorrectly(text: String) throws {
        guard case .double(let found) = try value(text) else {
            Issue.record("\(text) is no double")
            return
        }
        #expect(found.bitPattern == Double(text)?.bitPattern)
    }

    @Test func stringsWithEscapesAreRead() throws {
        #expect(
            try value(#""a\"\\\/\b\f\n\r\té\ud83d\ude00ü""#)
                == .string("a\"\\/\u{8}\u{c}\n\r\té😀ü"))
    }

    @Test func nestedValuesAreRead() throws {
        #expect(
            try value(#" { "a" : [ 1 , [ ] , { } , null , true , false ] , "b{" : "[" } "#)
                == ["a": [1, [], [:], nil, true, false], "b{": "["])
    }

    @Test(arguments: [
        "", " ", "{", "}", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}",
        "{\"a\":1,}", "{a:1}", "{,}", "01", "1.", ".5", "+1", "-", "1e", "1e+", "NaN", "Infinity",
        "-Infinity", "nul", "truex", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u+123\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"", "1 1", "1e999", "[1}",
    ])
    func textThatIsNotJSONIsRefused(text: String) {
        #expect(throws: MalformedJSON.self) { try value(text) }
    }

    @Test func deepNestingAndBytesThatAreNotUTF8AreRefused() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: MalformedJSON.self) { try value(deep) }
        #expect(throws: MalformedJSON.self) {
            try JSONParser.value(in: [0x22, 0xff, 0x22])
        }
    }

    @Test func noDamagedByteTraps() {
        let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00"],"b":{"c":null,"d":true}}"#.utf8)
        for position in text.indices {
            for byte in UInt8.min...UInt8.max {
                var damaged = text
                damaged[position] = byte
                _ = try? JSONParser.value(in: damaged)
            }
            _ = try? JSONParser.value(in: Array(text.prefix(position)))
        }
    }
}

@Suite struct JSONLinesTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func points(_ text: String) throws -> [Point] {
        let path = try folder.write("p.jsonl", text)
        var source = try JSONLinesSource(LineReader(path: path))
        return try source.next(1000)
    }

    @Test func everyKindOfPointIsRead() throws {
        let found = try points(
            """
            {"id": 18446744073709551615, "vector": [1, -2.5], "payload": {"n": 1, "x": 1.0}}

            {"id":"550e8400-e29b-41d4-a716-446655440000","vector":{"a":[1],"b":[[1,2],[3,4]],"c":{"indices":[7,4294967295],"values":[0.5,1]}}}\r
            {"vector":[],"id":0}
            """)
        #expect(
            found == [
                Point(id: .number(.max), vector: [1, -2.5], payload: ["n": 1, "x": .double(1)]),
                Point(
                    id: .uuid(UUIDBytes(high: 0x550e_8400_e29b_41d4, low: 0xa716_4466_5544_0000)),
                    vectors: [
                        "a": .dense([1]), "b": .multi([[1, 2], [3, 4]]),
                        "c": .sparse(SparseVector(indices: [7, .max], values: [0.5, 1])),
                    ]),
                Point(id: 0, vector: []),
            ])
    }

    @Test(arguments: [
        #"{"vector":[1]}"#, #"{"id":1}"#, #"{"id":-1,"vector":[1]}"#, #"{"id":1.0,"vector":[1]}"#,
        #"{"id":"x","vector":[1]}"#, #"{"id":18446744073709551616,"vector":[1]}"#,
        #"{"id":1,"vector":["1"]}"#, #"{"id":1,"vector":[1,[2]]}"#, #"{"id":1,"vector":[[1],2]}"#,
        #"{"id":1,"vector":[1e39]}"#, #"{"id":1,"vector":[1],"payload":[]}"#,
        #"{"id":1,"vector":[1],"vectr":[]}"#, #"{"id":1,"vector":{"a":{"indices":[1]}}}"#,
        #"{"id":1,"vector":[1]} x"#, "[]", "7",
    ])
    func lineThatIsNoPointIsNamed(line: String) throws {
        let error = #expect(throws: PipelineError.self) {
            try points("{\"id\":0,\"vector\":[1]}\n\(line)\n")
        }
        #expect(error?.description.contains("p.jsonl, line 2, column") == true)
    }

    @Test func aFileWithoutPointsIsRefused() {
        #expect(throws: PipelineError.self) { try points("\n \n") }
    }

    @Test func linesAreToldApartAcrossPieces() throws {
        // Pieces are 256 KiB: lines of 100 KB cross their borders at many places.
        let lines = (0..<40).map { String(repeating: String($0 % 10), count: 100_000 + $0) }
        let reader = try LineReader(
            path: folder.write("l.txt", lines.joined(separator: "\n")))
        for line in lines { #expect(try reader.next() == Array(line.utf8)) }
        #expect(try reader.next() == nil)
        #expect(reader.lineNumber == 40)
        #expect(reader.fractionRead == 1)
    }
}
