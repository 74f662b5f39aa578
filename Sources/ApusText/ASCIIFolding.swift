/// Latin letters with marks, and ligatures of them, as the letters of ASCII.
enum ASCIIFolding {
    static func folded(_ text: String) -> String {
        guard !text.utf8.allSatisfy({ $0 < 0x80 }) else { return text }
        var folded = ""
        for scalar in text.unicodeScalars {
            if let letters = letters[scalar] {
                folded += letters
            } else if !(0x300...0x36f).contains(scalar.value) {
                folded.unicodeScalars.append(scalar)
            }
        }
        return folded
    }

    /// The blocks Latin-1 Supplement and Latin Extended-A.
    private static let letters: [Unicode.Scalar: String] = {
        var letters: [Unicode.Scalar: String] = [:]
        for (ascii, scalars) in table {
            for scalar in scalars.unicodeScalars { letters[scalar] = ascii }
        }
        return letters
    }()

    private static let table = [
        ("A", "ÀÁÂÃÄÅĀĂĄ"),
        ("AE", "Æ"),
        ("C", "ÇĆĈĊČ"),
        ("D", "ÐĎĐ"),
        ("E", "ÈÉÊËĒĔĖĘĚ"),
        ("G", "ĜĞĠĢ"),
        ("H", "ĤĦ"),
        ("I", "ÌÍÎÏĨĪĬĮİ"),
        ("IJ", "Ĳ"),
        ("J", "Ĵ"),
        ("K", "Ķ"),
        ("L", "ĹĻĽĿŁ"),
        ("N", "ÑŃŅŇŊ"),
        ("O", "ÒÓÔÕÖØŌŎŐ"),
        ("OE", "Œ"),
        ("R", "ŔŖŘ"),
        ("S", "ŚŜŞŠ"),
        ("T", "ŢŤŦ"),
        ("TH", "Þ"),
        ("U", "ÙÚÛÜŨŪŬŮŰŲ"),
        ("W", "Ŵ"),
        ("Y", "ÝŶŸ"),
        ("Z", "ŹŻŽ"),
        ("a", "àáâãäåāăą"),
        ("ae", "æ"),
        ("c", "çćĉċč"),
        ("d", "ðďđ"),
        ("e", "èéêëēĕėęě"),
        ("g", "ĝğġģ"),
        ("h", "ĥħ"),
        ("i", "ìíîïĩīĭįı"),
        ("ij", "ĳ"),
        ("j", "ĵ"),
        ("k", "ķ"),
        ("l", "ĺļľŀł"),
        ("n", "ñńņňŉŋ"),
        ("o", "òóôõöøōŏő"),
        ("oe", "œ"),
        ("q", "ĸ"),
        ("r", "ŕŗř"),
        ("s", "śŝşšſ"),
        ("ss", "ß"),
        ("t", "ţťŧ"),
        ("th", "þ"),
        ("u", "ùúûüũūŭůűų"),
        ("w", "ŵ"),
        ("y", "ýÿŷ"),
        ("z", "źżž"),
    ]
}
