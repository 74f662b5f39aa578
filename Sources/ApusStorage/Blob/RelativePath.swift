/// Names below some root, with `/` between them: keys of blobs and names in archives.
///
/// There is no path of this type that leads out of its root, so what comes from outside is checked
/// once, here. A name has 1 to 255 bytes out of ASCII letters, digits, `.`, `_`, `-` and `%`; it
/// does not start with a dot and does not end like a temporary file. A path has at most 1,024 bytes.
package struct RelativePath: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let byteCountMax = 1024
    private static let nameByteCountMax = 255

    package let description: String

    /// nil: no such path.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.byteCountMax else { return nil }
        let names = text.split(separator: "/", omittingEmptySubsequences: false)
        guard names.allSatisfy(Self.isName) else { return nil }
        description = text
    }

    /// The names joined; nil when one is none.
    package init?(names: [String]) {
        guard names.allSatisfy({ !$0.contains("/") }) else { return nil }
        self.init(names.joined(separator: "/"))
    }

    package var names: [Substring] { description.split(separator: "/") }

    /// The last name.
    package var name: String { names.last.map(String.init) ?? "" }

    package static func < (left: RelativePath, right: RelativePath) -> Bool {
        left.description < right.description
    }

    private static func isName(_ name: Substring) -> Bool {
        let bytes = name.utf8
        guard (1...nameByteCountMax).contains(bytes.count), bytes.first != UInt8(ascii: "."),
            !name.hasSuffix(FileName.temporarySuffix)
        else { return false }
        return bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "-"), UInt8(ascii: "%"):
                true
            default: false
            }
        }
    }
}
