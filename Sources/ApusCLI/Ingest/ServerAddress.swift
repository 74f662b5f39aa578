/// `grpc://HOST:PORT`; the port may be missing.
struct ServerAddress: CustomStringConvertible {
    let host: String
    let port: Int

    static let defaultPort = 6334

    /// nil for anything else, another scheme included.
    init?(_ text: String) {
        let scheme = "grpc://"
        guard text.hasPrefix(scheme) else { return nil }
        var rest = text.dropFirst(scheme.count)
        if rest.hasSuffix("/") { rest = rest.dropLast() }
        // An IPv6 address has colons itself and stands in brackets.
        let portStart = rest.hasSuffix("]") ? nil : rest.lastIndex(of: ":")
        if let portStart {
            guard let port = Int(rest[rest.index(after: portStart)...]),
                (1...65_535).contains(port)
            else { return nil }
            self.port = port
            rest = rest[..<portStart]
        } else {
            port = Self.defaultPort
        }
        guard !rest.isEmpty, !rest.contains("/") else { return nil }
        host = String(rest.hasPrefix("[") ? rest.dropFirst().dropLast() : rest)
    }

    var description: String { "grpc://\(host):\(port)" }
}
