import ApusConnectors
import ApusPipeline
import Testing

/// Answers of memcached that would give a text the vector of another one. Real servers:
/// `test_pipeline_cache.py`; any bytes at all: `ConnectorFuzzTests`.
@Suite struct MemcachedAnswersTests {
    private func value(of key: String, in text: String) throws(StageError) -> [UInt8]?? {
        var answers = MemcachedAnswers(from: "cache", bytesMax: 4_096)
        try answers.append(text.utf8)
        return try answers.value(of: key)
    }

    @Test func aValueIsWholeOrNotThereYet() throws {
        let text = "VALUE a 0 7\r\nEND\r\nab\r\nEND\r\n"
        #expect(try value(of: "a", in: text) == .some(.some(Array("END\r\nab".utf8))))
        #expect(try value(of: "a", in: "END\r\n") == .some(nil))
        for count in 0..<text.utf8.count {
            #expect(
                try value(of: "a", in: String(decoding: text.utf8.prefix(count), as: UTF8.self))
                    == nil)
        }
    }

    @Test(arguments: [
        ("VALUE b 0 2\r\nab\r\nEND\r\n", "answered VALUE b 0 2"),
        ("VALUE a 0 2\r\nabc\r\nEND\r\n", "more or less than the 2 bytes"),
        ("VALUE a 0 3\r\nab\r\nEND\r\n", "more or less than the 3 bytes"),
        ("VALUE a 0 2 17\r\nab\r\nEND\r\n", "answered VALUE a 0 2 17"),
        ("VALUE a 0 -2\r\nab\r\nEND\r\n", "answered VALUE a 0 -2"),
        (String(repeating: "x", count: 2_000), "a line of more than 1024 bytes"),
        (String(repeating: "x", count: 5_000), "more than 4096 bytes"),
    ])
    func whatIsNoAnswerIsNamed(text: String, cause: String) {
        // Enough behind it to see where it should end.
        let text = text.utf8.count > 1_000 ? text : text + "END\r\n"
        let error = #expect(throws: StageError.self) { try value(of: "a", in: text) }
        #expect(error?.isTransient == true)
        #expect(error?.message.contains(cause) == true, "\(String(describing: error))")
    }
}
