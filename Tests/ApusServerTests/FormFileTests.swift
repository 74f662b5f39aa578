import ApusServer
import ApusCore
import Testing

@Suite struct FormFileTests {
    private static let body = Array(
        [
            "--XyZ", "Content-Disposition: form-data; name=\"other\"", "", "no", "--XyZ",
            "Content-Disposition: form-data; name=\"snapshot\"; filename=\"a.snapshot\"",
            "Content-Type: application/octet-stream", "", "first\r\n--Xy\r\n\r\nlast", "--XyZ--",
            "",
        ].joined(separator: "\r\n").utf8)

    private static func content(
        of bytes: [UInt8], inPiecesOf count: Int
    ) async throws -> (text: String, isComplete: Bool) {
        let boundary = try #require(
            MultipartBoundary(contentType: "multipart/form-data; boundary=XyZ"))
        let form = FormFile(field: "snapshot", boundary: boundary)
        var content: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: count) {
            content += try await form.take(
                Array(bytes[start..<min(bytes.count, start + count)]))
        }
        return (String(decoding: content, as: UTF8.self), await form.isComplete)
    }

    @Test("The field's content is found, however the body is cut into pieces")
    func pieces() async throws {
        for count in 1...Self.body.count {
            let found = try await Self.content(of: Self.body, inPiecesOf: count)
            #expect(found.text == "first\r\n--Xy\r\n\r\nlast", "\(count)")
            #expect(found.isComplete)
        }
    }

    @Test("A body that is cut off is not complete")
    func cutOff() async throws {
        let found = try await Self.content(of: Self.body.dropLast(12) + [], inPiecesOf: 7)
        #expect(!found.isComplete)
    }

    @Test("A head without end is refused")
    func longHead() async throws {
        let bytes = Array("--XyZ\r\n".utf8) + [UInt8](repeating: 65, count: 20_000)
        await #expect(throws: DatabaseError.self) {
            try await Self.content(of: bytes, inPiecesOf: 1000)
        }
    }

    @Test(
        "What is no boundary is refused",
        arguments: [
            "", "text/plain; boundary=x", "multipart/form-data", "multipart/form-data; boundary=",
        ])
    func noBoundary(type: String) { #expect(MultipartBoundary(contentType: type) == nil) }

    @Test("A boundary may stand in quotes")
    func quoted() {
        #expect(
            MultipartBoundary(contentType: "Multipart/Form-Data; charset=x; boundary=\"a b\"")?.text
                == "a b")
    }
}
