private import ApusCore
package import ApusKernels
internal import Foundation

/// Signs requests as AWS's services want it (Signature Version 4).
package struct AWSSignature: Sendable {
    let accessKey: String
    let secretKey: String
    let region: String
    let service: String

    /// Header fields of a GET request without a body. `path` is percent-encoded, `query` has names
    /// and values that are not.
    func headers(
        host: String, path: String, query: [(name: String, value: String)], now: Date
    ) -> [(name: String, value: String)] {
        let time = Self.time(now)
        let day = String(time.prefix(8))
        let emptyHash = SHA256.digest(of: []).description
        let canonical = [
            "GET", path, Self.encoded(query),
            "host:\(host)", "x-amz-content-sha256:\(emptyHash)", "x-amz-date:\(time)", "",
            Self.signedHeaders, emptyHash,
        ].joined(separator: "\n")
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = [
            "AWS4-HMAC-SHA256", time, scope,
            SHA256.digest(of: Array(canonical.utf8)).description,
        ].joined(separator: "\n")
        var key = Array("AWS4\(secretKey)".utf8)
        for part in [day, region, service, "aws4_request"] {
            key = Self.hmac(key, Array(part.utf8)).bytes
        }
        let signature = Self.hmac(key, Array(text.utf8)).description
        return [
            ("x-amz-date", time), ("x-amz-content-sha256", emptyHash),
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=\(accessKey)/\(scope), "
                    + "SignedHeaders=\(Self.signedHeaders), Signature=\(signature)"
            ),
        ]
    }

    private static let signedHeaders = "host;x-amz-content-sha256;x-amz-date"

    /// Names and values percent-encoded, in the order of the names.
    package static func encoded(_ query: [(name: String, value: String)]) -> String {
        query.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.sorted()
            .joined(separator: "&")
    }

    /// All but letters, digits and `-._~`; slashes too, unless they are kept.
    package static func percentEncoded(_ text: String, keepingSlashes: Bool = false) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "/") where keepingSlashes: encoded.append("/")
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                encoded += byte < 16 ? "%0\(digits)" : "%\(digits)"
            }
        }
        return encoded
    }

    /// HMAC (RFC 2104) over SHA-256.
    package static func hmac(_ key: [UInt8], _ message: [UInt8]) -> SHA256.Digest {
        let short = key.count > 64 ? SHA256.digest(of: key).bytes : key
        let padded = short + Array(repeating: 0, count: 64 - short.count)
        let inner = SHA256.digest(of: padded.map { $0 ^ 0x36 } + message)
        return SHA256.digest(of: padded.map { $0 ^ 0x5c } + inner.bytes)
    }

    /// `20260131T235959Z`
    private static func time(_ date: Date) -> String {
        let seconds = Int(date.timeIntervalSince1970)
        let text = Timestamp(microseconds: Int64(seconds) * 1_000_000).description
        return String(text.filter { $0 != "-" && $0 != ":" }.prefix(15)) + "Z"
    }
}
