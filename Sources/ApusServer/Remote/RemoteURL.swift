import ApusCore

/// An address of HTTP in the one form in which nothing about it is open: no user, no fragment, no dot
/// segments, no characters that some programs read otherwise than others.
package struct RemoteURL: Hashable, Sendable {
    package let isSecure: Bool
    /// In lower case; of an IPv6 address without brackets.
    package let host: String
    package let port: Int
    /// Begins with a slash.
    package let path: String
    private let query: String?

    /// nil: it is none in this form.
    package init?(_ text: String) {
        guard let parts = URLParts(text), URLParts.isHost(parts.host) else { return nil }
        isSecure = parts.isSecure
        host = parts.host
        port = parts.port
        path = parts.path
        query = parts.query
    }

    /// Where an answer of this address leads; nil: nowhere that is an address in this form.
    func redirected(to target: String) -> RemoteURL? {
        if target.hasPrefix("//") { return RemoteURL("\(scheme):\(target)") }
        if target.hasPrefix("/") { return RemoteURL(origin + target) }
        return RemoteURL(target)
    }

    var text: String { shown + (query.map { "?\($0)" } ?? "") }

    /// For messages and logs: what stands behind the path may be a secret.
    var shown: String { origin + path }

    func hasSameOrigin(as other: RemoteURL) -> Bool { origin == other.origin }

    private var scheme: String { isSecure ? "https" : "http" }

    private var origin: String {
        "\(scheme)://\(host.contains(":") ? "[\(host)]" : host)"
            + (port == (isSecure ? 443 : 80) ? "" : ":\(port)")
    }
}

/// Addresses that may be asked: those that begin with the same scheme, host, port and path. The host
/// may be `*`, for every one, or begin with `*.`, for all below a name.
package struct URLPrefix: Hashable, Sendable {
    private let parts: URLParts
    package let text: String

    /// nil: it is none.
    package init?(_ text: String) {
        guard let parts = URLParts(text), parts.query == nil else { return nil }
        let host = parts.host.hasPrefix("*.") ? String(parts.host.dropFirst(2)) : parts.host
        guard host == "*" || URLParts.isHost(host) else { return nil }
        self.parts = parts
        self.text = text
    }

    package func covers(_ url: RemoteURL) -> Bool {
        guard parts.isSecure == url.isSecure, parts.port == url.port else { return false }
        if hasWildcard {
            guard url.host.hasSuffix(parts.host.dropFirst()) else { return false }
        } else if parts.host != url.host {
            return false
        }
        guard url.path.hasPrefix(parts.path) else { return false }
        return parts.path.hasSuffix("/") || url.path.count == parts.path.count
            || url.path.dropFirst(parts.path.count).hasPrefix("/")
    }

    /// Whether a host that this covers may be asked at the address that it turned out to have.
    package func permits(_ address: IPAddress) -> Bool {
        switch address.reach {
        case .everybody: true
        case .localNetwork: !hasWildcard
        case .link: IPAddress(parts.host) != nil
        }
    }

    private var hasWildcard: Bool { parts.host.hasPrefix("*") }
}

/// The parts of an address, without a look at its host.
private struct URLParts: Hashable {
    let isSecure: Bool
    let host: String
    let port: Int
    let path: String
    let query: String?

    init?(_ text: String) {
        guard
            text.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !#""\<>^`{|}#"#.utf8.contains($0) }
            )
        else { return nil }
        let lowered = text.lowercased()
        isSecure = lowered.hasPrefix("https://")
        guard isSecure || lowered.hasPrefix("http://") else { return nil }
        var rest = text.dropFirst(isSecure ? 8 : 7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        rest = rest.dropFirst(authority.count)
        guard let (host, port) = Self.place(authority.lowercased(), isSecure ? 443 : 80) else {
            return nil
        }
        self.host = host
        self.port = port
        let path = rest.prefix { $0 != "?" }
        query = rest.count > path.count ? String(rest.dropFirst(path.count + 1)) : nil
        self.path = path.isEmpty ? "/" : String(path)
        guard let decoded = try? percentDecoded(path) else { return nil }
        guard
            !decoded.split(whereSeparator: { $0 == "/" || $0 == "\\" })
                .contains(where: { $0 == "." || $0 == ".." })
        else { return nil }
    }

    private static func place(_ authority: String, _ ordinary: Int) -> (String, Int)? {
        var host = authority
        var port = ordinary
        let bracket = authority.lastIndex(of: "]") ?? authority.startIndex
        if let colon = authority[bracket...].lastIndex(of: ":") {
            let digits = authority[authority.index(after: colon)...]
            guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
                (1...65_535).contains(number)
            else { return nil }
            port = number
            host = String(authority[..<colon])
        }
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = String(host.dropFirst().dropLast())
            guard host.contains(":"), IPAddress(host) != nil else { return nil }
        }
        return (host, port)
    }

    /// A name of letters, digits, hyphens and dots, or an address.
    static func isHost(_ text: String) -> Bool {
        if text.contains(":") { return IPAddress(text) != nil }
        return !text.isEmpty && !text.hasPrefix(".") && !text.contains("..")
            && text.utf8.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2d || $0 == 0x2e
            }
    }
}
