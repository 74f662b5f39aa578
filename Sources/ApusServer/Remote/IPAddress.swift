/// An address of IPv4 or IPv6, and who can be reached at it.
package struct IPAddress: Hashable, Sendable {
    package enum Reach: Hashable, Sendable {
        case everybody
        /// This machine, or a network that is not open to everybody.
        case localNetwork
        /// The same link only, where clouds have their metadata; or no single machine.
        case link
    }

    /// 4 or 16.
    private let bytes: [UInt8]

    /// As `127.0.0.1` or `fe80::1`, without brackets or a zone; nil for anything else, also for the
    /// other ways in which systems read IPv4 addresses.
    package init?(_ text: String) {
        guard let bytes = text.contains(":") ? Self.version6(text) : Self.version4(text) else {
            return nil
        }
        // An IPv4 address in the form of IPv6 is that address.
        let isMapped =
            bytes.count == 16 && bytes.prefix(12) == [UInt8](repeating: 0, count: 10) + [255, 255]
        self.bytes = isMapped ? Array(bytes.suffix(4)) : bytes
    }

    package var reach: Reach {
        bytes.count == 4 ? Self.reach4(bytes) : Self.reach6(bytes)
    }

    /// By the registries of special addresses (RFC 6890 and its successors).
    private static func reach4(_ bytes: [UInt8]) -> Reach {
        switch (bytes[0], bytes[1], bytes[2]) {
        case (169, 254, _), (0, _, _), (224..., _, _): .link
        case (10, _, _), (127, _, _), (172, 16...31, _), (192, 168, _), (100, 64...127, _),
            (192, 0, 0), (192, 0, 2), (198, 18...19, _), (198, 51, 100), (203, 0, 113):
            .localNetwork
        default: .everybody
        }
    }

    private static func reach6(_ bytes: [UInt8]) -> Reach {
        switch (bytes[0], bytes[1]) {
        case (0, 0) where bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1: .localNetwork
        // Translated to IPv4.
        case (0, 0x64) where bytes[2] == 0xff && bytes[3] == 0x9b: reach4(Array(bytes.suffix(4)))
        case (0xfc...0xfd, _): .localNetwork
        // Tunnels, documentation.
        case (0x20, 0x02): .localNetwork
        case (0x20, 0x01) where bytes[2] == 0 && bytes[3] == 0: .localNetwork
        case (0x20, 0x01) where bytes[2] == 0x0d && bytes[3] == 0xb8: .localNetwork
        case (0x20...0x3f, _): .everybody
        default: .link
        }
    }

    private static func version4(_ text: some StringProtocol) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { part -> UInt8? in
            guard part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                part.count == 1 || part.first != "0"
            else { return nil }
            return UInt8(part)
        }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    private static func version6(_ text: String) -> [UInt8]? {
        guard let gap = text.firstRange(of: "::") else {
            guard let bytes = groups(text), bytes.count == 16 else { return nil }
            return bytes
        }
        guard let head = groups(text[..<gap.lowerBound], mayEndInVersion4: false),
            let tail = groups(text[gap.upperBound...]),
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }

    /// Groups of 16 bits, of which the last two may be written as an IPv4 address.
    private static func groups(
        _ text: some StringProtocol, mayEndInVersion4: Bool = true
    ) -> [UInt8]? {
        if text.isEmpty { return [] }
        var bytes: [UInt8] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if mayEndInVersion4, index == parts.count - 1, part.contains(".") {
                guard let last = version4(part) else { return nil }
                bytes += last
            } else {
                guard (1...4).contains(part.utf8.count), !part.hasPrefix("+"),
                    let group = UInt16(part, radix: 16)
                else { return nil }
                bytes += [UInt8(group >> 8), UInt8(truncatingIfNeeded: group)]
            }
        }
        return bytes
    }
}
