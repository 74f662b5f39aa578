/// A request as the REST door sees it, whichever HTTP library brought it.
struct HTTPCall: Sendable {
    /// Upper case, as sent.
    var method: String
    /// Path and query as sent, still percent-encoded.
    var target: String
    /// The value of a header field; the name is given in lower case.
    var header: @Sendable (_ name: String) -> String?
    /// Reads the whole body. Throws `BodyTooLarge` past `limit` bytes.
    var body: @Sendable (_ limit: Int) async throws -> [UInt8]
}

struct BodyTooLarge: Error {
    var limit: Int
    /// The length that the request announced, if it did.
    var announced: Int?
}

/// What goes back.
struct HTTPAnswer: Sendable {
    var status: Int
    var contentType: String
    var body: [UInt8]
    /// Further header fields.
    var headers: [(name: String, value: String)] = []

    static func text(_ text: String) -> HTTPAnswer {
        HTTPAnswer(
            status: 200, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    static func json(_ body: [UInt8], status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "application/json", body: body)
    }
}
