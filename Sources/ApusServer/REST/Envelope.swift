import ApusCore

/// The object that every answer of the interface is wrapped in.
enum Envelope {
    /// `{"result": …, "status": "ok", "time": seconds}`.
    static func result(_ value: JSONValue, since start: ContinuousClock.Instant) -> [UInt8] {
        bare(["result": value, "status": "ok", "time": time(since: start)])
    }

    /// `{"status": {"error": text}, "time": seconds}`.
    static func error(_ text: String, since start: ContinuousClock.Instant) -> [UInt8] {
        bare(["status": ["error": .string(text)], "time": time(since: start)])
    }

    /// An object without the envelope.
    static func bare(_ members: [String: JSONValue]) -> [UInt8] {
        Array(text(.object(members)).utf8)
    }

    private static func time(since start: ContinuousClock.Instant) -> JSONValue {
        .double((ContinuousClock.now - start).seconds)
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let value): String(value)
        case .integer(let value): String(value)
        case .double(let value): String(value)
        case .string(let value):
            "\"\(value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
        case .array(let values): "[\(values.map(text).joined(separator: ","))]"
        case .object(let members):
            "{\(members.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\(text($0.value))" }.joined(separator: ","))}"
        }
    }
}

enum ErrorStatus {
    static func http(_ kind: DatabaseError.Kind) -> Int {
        switch kind {
        case .invalidArgument, .failedPrecondition: 400
        case .validation: 422
        case .notFound: 404
        case .unauthenticated: 401
        default: 500
        }
    }
}
