/// A request as the REST door sees it, whichever HTTP library brought it.
package struct HTTPCall: Sendable {
    /// Upper case, as sent.
    package var method: String
    /// Path and query as sent, still percent-encoded.
    package var target: String
    /// The client's address; nil where there is none.
    package var peer: String?
    /// The value of a header field; the name is given in lower case.
    package var header: @Sendable (_ name: String) -> String?
    /// Reads the whole body. Throws `BodyTooLarge` past `limit` bytes.
    package var body: @Sendable (_ limit: Int) async throws -> [UInt8]
    /// Hands over the body as it comes in, in pieces of the sender's choice, whatever its size.
    package var pieces:
        @Sendable (_ take: @Sendable ([UInt8]) async throws -> Void) async throws -> Void

    /// Without `pieces` the body is one.
    package init(
        method: String, target: String, peer: String? = nil,
        header: @escaping @Sendable (String) -> String?,
        body: @escaping @Sendable (_ limit: Int) async throws -> [UInt8],
        pieces: (
            @Sendable (_ take: @Sendable ([UInt8]) async throws -> Void) async throws -> Void
        )? = nil
    ) {
        self.method = method
        self.target = target
        self.peer = peer
        self.header = header
        self.body = body
        self.pieces = pieces ?? { take in try await take(try await body(.max)) }
    }
}

package struct BodyTooLarge: Error {
    package var limit: Int
    /// The length that the request announced, if it did.
    package var announced: Int?
    package var what: String

    package init(limit: Int, announced: Int?, what: String = "JSON payload") {
        self.limit = limit
        self.announced = announced
        self.what = what
    }
}

/// What goes back.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var contentType: String
    package var body: [UInt8]
    /// Further header fields.
    package var headers: [(name: String, value: String)] = []
    /// When it is there it is the body, and `body` is empty.
    package var stream: BodyStream?

    static func text(_ text: String) -> HTTPAnswer {
        HTTPAnswer(
            status: 200, contentType: "text/plain; charset=utf-8", body: Array(text.utf8))
    }

    static func json(_ body: [UInt8], status: Int = 200) -> HTTPAnswer {
        HTTPAnswer(status: status, contentType: "application/json", body: body)
    }
}

/// A body that is made while it goes out.
package struct BodyStream: Sendable {
    /// nil: it shows at the end.
    package var byteCount: Int?
    /// The next piece; nil after the last. An error breaks the connection off: the status has gone
    /// out by then.
    package var next: @Sendable () async throws -> [UInt8]?
}
