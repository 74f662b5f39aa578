import Apus
import ApusServer
import ApusWire
import Foundation
import Logging

/// The REST door over a database of its own, without sockets.
final class RESTHarness: Sendable {
    let service: RESTService
    let database: Database
    let path: String

    init(
        auth: ServerConfiguration.Auth = .init(), limits: ServerConfiguration.Limits = .init(),
        audit: AuditLog? = nil, bodyBytesMax: Int = 32 << 20,
        uploadBytesMax: Int = 1 << 30
    ) throws {
        path =
            FileManager.default.temporaryDirectory
            .appending(path: "apus-rest-\(UUID().uuidString)").path
        database = try Database.open(at: path)
        let operations = Operations(
            database: database, authorizer: Authorizer(needsCaller: auth.isOn),
            admission: Admission(limits))
        service = RESTService(
            operations: operations,
            gate: CallGate(authenticator: try Authenticator(auth), audit: audit),
            metrics: ServerMetrics(operations: operations), requestBodyBytesMax: bodyBytesMax,
            uploadBytesMax: uploadBytesMax,
            logger: Logger(label: "test"))
    }

    deinit {
        try? database.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Sends a request and reads the JSON that comes back, or its text where it is none.
    func callAsFunction(
        _ method: String, _ target: String, _ body: JSONValue? = nil, raw: [UInt8]? = nil,
        headers: [String: String] = [:]
    ) async -> Reply {
        let bytes = raw ?? body?.jsonBytes ?? []
        let answer = await service.answer(
            HTTPCall(
                method: method, target: target, header: { headers[$0] },
                body: { limit in
                    guard bytes.count <= limit else {
                        throw BodyTooLarge(limit: limit, announced: bytes.count)
                    }
                    return bytes
                }))
        return Reply(answer)
    }
}

struct Reply {
    let status: Int
    let contentType: String
    let text: String
    let headers: [(name: String, value: String)]
    /// nil when the body is no JSON.
    let json: JSONValue?

    init(_ answer: HTTPAnswer) {
        status = answer.status
        contentType = answer.contentType
        text = String(decoding: answer.body, as: UTF8.self)
        headers = answer.headers
        json = try? RequestDecoder.decode(unsafe answer.body.span.bytes) {
            reader throws(JSONError) in
            try reader.readValue()
        }
    }

    var result: JSONValue? { json?["result"] }

    /// The text of an error envelope.
    var error: String? {
        guard case .string(let text)? = json?["status"]?["error"] else { return nil }
        return text
    }
}

extension JSONValue {
    subscript(key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    subscript(index: Int) -> JSONValue? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }
}
