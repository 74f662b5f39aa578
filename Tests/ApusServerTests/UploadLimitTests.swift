import Foundation
import Testing

@Suite("An uploaded snapshot may have so many bytes and no more")
struct UploadLimitTests {
    private static let boundary = "line"

    private static func form(_ byteCount: Int) -> [UInt8] {
        Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"snapshot\"\r\n\r\n".utf8)
            + [UInt8](repeating: 0x61, count: byteCount)
            + Array("\r\n--\(boundary)--\r\n".utf8)
    }

    @Test(
        "Whether it is announced or not, it is refused and leaves nothing behind",
        arguments: [true, false])
    func tooLarge(isAnnounced: Bool) async throws {
        let rest = try RESTHarness(uploadBytesMax: 1_000)
        let body = Self.form(1_001)
        var headers = ["content-type": "multipart/form-data; boundary=\(Self.boundary)"]
        if isAnnounced { headers["content-length"] = String(body.count) }
        let reply = await rest(
            "POST", "/collections/big/snapshots/upload", raw: body, headers: headers)
        #expect(reply.status == 400)
        #expect(reply.error?.contains("limit: 1000 bytes") == true)
        let left = try? FileManager.default.contentsOfDirectory(atPath: "\(rest.path)/.uploads")
        #expect(left ?? [] == [])
        #expect(rest.database.collectionNames() == [])
    }

    @Test func whatFitsIsLookedAt() async throws {
        let rest = try RESTHarness(uploadBytesMax: 1_000)
        let reply = await rest(
            "POST", "/collections/small/snapshots/upload", raw: Self.form(900),
            headers: ["content-type": "multipart/form-data; boundary=\(Self.boundary)"])
        #expect(reply.error?.contains("archive") == true, "\(reply.text)")
    }
}
