import ApusCore
import ApusServer
import Testing

/// What only the REST interface reads: forms with a file, and the texts of addresses.
@Suite("Fuzzing the REST interface") struct ServerFuzzTests {
    // MARK: Forms

    private static let type = "multipart/form-data; boundary=XyZ"
    private static let body = [
        "--XyZ", "Content-Disposition: form-data; name=\"other\"", "", "no", "--XyZ",
        "Content-Disposition: form-data; name=\"snapshot\"; filename=\"a.snapshot\"",
        "Content-Type: application/octet-stream", "", "first\r\n--Xy\r\n\r\nlast", "--XyZ--", "",
    ].joined(separator: "\r\n")

    @Test("Forms with a file") func form() async throws {
        let samples = [
            "body~two": Self.body, "body~empty": "--XyZ--\r\n",
            "body~preamble": "before\r\n--XyZ\r\ncontent-disposition: x; name=snapshot\r\n\r\n"
                + "\r\n--XyZ\r\n\r\n\r\n--XyZ--",
            "type~plain": Self.type,
            "type~quoted": "Multipart/Form-Data; charset=x; boundary=\"XyZ\"",
        ]
        try await fuzz(
            FuzzTarget(
                name: "form",
                tokens: [
                    "\r\n", "\r\n\r\n", "--XyZ", "\r\n--XyZ", "--XyZ--", "name=\"snapshot\"",
                    "Content-Disposition:", "; ", "boundary=", "\"", "é", "\u{0}",
                ],
                samples: {
                    samples.map { FuzzInput(name: $0, bytes: Array($1.utf8)) }
                },
                run: { input in
                    let isType = input.purpose == "type"
                    let type = isType ? String(decoding: input.bytes, as: UTF8.self) : Self.type
                    guard let boundary = MultipartBoundary(contentType: type) else {
                        return .refused
                    }
                    return try await Self.read(
                        isType ? Array(Self.body.utf8) : input.bytes, boundary)
                }))
    }

    /// However a body is cut into pieces, the same is found in it.
    private static func read(
        _ body: [UInt8], _ boundary: MultipartBoundary
    ) async throws -> FuzzOutcome {
        let whole = try await file(in: body, boundary, pieceByteCount: max(1, body.count))
        let pieces = try await file(in: body, boundary, pieceByteCount: 1 + body.count % 31)
        try expect(whole == pieces, "in pieces the form has another file")
        return whole?.isComplete == true ? .accepted : .refused
    }

    private struct Found: Equatable {
        var content: [UInt8]
        var isComplete: Bool
    }

    /// nil: the form was refused.
    private static func file(
        in body: [UInt8], _ boundary: MultipartBoundary, pieceByteCount: Int
    ) async throws -> Found? {
        let form = FormFile(field: "snapshot", boundary: boundary)
        var content: [UInt8] = []
        for start in stride(from: 0, to: body.count, by: pieceByteCount) {
            let piece = Array(body[start..<min(body.count, start + pieceByteCount)])
            do throws(DatabaseError) {
                content += try await form.take(piece)
            } catch {
                try expect(error.kind == .invalidArgument, "an error of the kind \(error.kind)")
                return nil
            }
        }
        return Found(content: content, isComplete: await form.isComplete)
    }

    // MARK: Addresses

    @Test("Parameters of addresses") func address() async throws {
        let samples = [
            "query~all": "wait=true&timeout=5&ordering=strong&consistency=2&checksum=a%2Fb",
            "query~snapshot": "priority=no_sync&wait=false&x", "path~0": "a%20b%C3%A9+c",
        ]
        try await fuzz(
            FuzzTarget(
                name: "address",
                tokens: [
                    "%", "%2", "%ff", "%C3%A9", "&", "=", "+", "wait=", "timeout=", "majority",
                    "9223372036854775808", "\u{0}", "é",
                ],
                samples: { samples.map { FuzzInput(name: $0, bytes: Array($1.utf8)) } },
                run: { input in
                    let text = String(decoding: input.bytes, as: UTF8.self)
                    return try refusing(with: DatabaseError.self) {
                        if input.purpose == "query" {
                            _ = try QueryParameters(Substring(text))
                        } else {
                            _ = try percentDecoded(Substring(text))
                        }
                    }
                }))
    }
}
