/// How messages are compressed; the raw value is the name in `grpc-encoding`.
package enum MessageEncoding: String, Sendable, CaseIterable {
    case identity
    case gzip
    /// zlib's format (RFC 1950), as HTTP means the word.
    case deflate

    /// What a server says that it takes.
    static let accepted = allCases.map(\.rawValue).joined(separator: ",")

    /// A smaller message is sent as it is: there is nothing to gain.
    static let compressedByteCountMin = 1024

    /// Whether a list as in `grpc-accept-encoding` has it.
    func isListed(in text: String) -> Bool {
        text.split(separator: ",").contains { $0.filter { $0 != " " } == rawValue }
    }
}
