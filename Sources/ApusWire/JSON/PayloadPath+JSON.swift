package import ApusCore

extension PayloadPath {
    /// A string that holds a path, as in `a.b[].c`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        let text = try reader.readString()
        guard let path = PayloadPath(text) else {
            throw JSONError(
                .malformed, "`\(JSONError.shortened(text))` is not a payload path such as a.b[].c",
                offset: start)
        }
        self = path
    }
}

extension Timestamp {
    /// A string that holds a date or a date and time (RFC 3339).
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        let text = try reader.readString()
        guard let time = Timestamp(rfc3339: text) else {
            throw JSONError(
                .malformed, "`\(JSONError.shortened(text))` is not a date and time (RFC 3339)",
                offset: start)
        }
        self = time
    }
}
