private import Foundation

/// A text as BERT's tokenizer cuts it into words: UTF-8 in which spaces separate words, and
/// punctuation and ideographs beyond ASCII stand alone (`BasicTokenizer` of the BERT authors' code).
///
/// Control and format characters are gone, every other white space is a space, and, unless case is
/// kept, letters are lowercase and without accents.
struct NormalizedText {
    let bytes: [UInt8]

    init(_ text: some StringProtocol, lowercasing: Bool) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            guard byte < 0x80 else {
                self.bytes = Self.unicode(text, lowercasing)
                return
            }
            switch byte {
            case 0x20, 0x09, 0x0a, 0x0d: bytes.append(0x20)
            case 0x00..<0x20, 0x7f: continue
            case 0x41...0x5a: bytes.append(lowercasing ? byte | 0x20 : byte)
            default: bytes.append(byte)
            }
        }
        self.bytes = bytes
    }

    /// Whether a byte is a punctuation mark of ASCII, all of which stand alone.
    static func isPunctuation(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x21...0x2f, 0x3a...0x40, 0x5b...0x60, 0x7b...0x7e: true
        default: false
        }
    }

    private static func unicode(_ text: some StringProtocol, _ lowercasing: Bool) -> [UInt8] {
        var cleaned = String.UnicodeScalarView()
        var isDecomposed = true
        for scalar in text.unicodeScalars {
            isDecomposed = isDecomposed && isWhole(scalar)
            if isIdeograph(scalar) {
                cleaned.append(" ")
                cleaned.append(scalar)
                cleaned.append(" ")
            } else if let scalar = clean(scalar) {
                cleaned.append(scalar)
            }
        }
        let scalars =
            lowercasing && !isDecomposed
            ? String(cleaned).decomposedStringWithCanonicalMapping.unicodeScalars : cleaned
        var bytes: [UInt8] = []
        for scalar in scalars {
            guard !scalar.isASCII else {
                let byte = UInt8(truncatingIfNeeded: scalar.value)
                bytes.append(lowercasing && (0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
                continue
            }
            let category = scalar.properties.generalCategory
            if lowercasing, category == .nonspacingMark { continue }
            if isPunctuation(category) {
                bytes.append(0x20)
                bytes += UTF8.encode(scalar) ?? UTF8.EncodedScalar()
                bytes.append(0x20)
            } else if lowercasing {
                bytes += Array(scalar.properties.lowercaseMapping.utf8)
            } else {
                bytes += UTF8.encode(scalar) ?? UTF8.EncodedScalar()
            }
        }
        return bytes
    }

    /// Whether a scalar is its own canonical decomposition and joins none: ASCII, dashes, quotation marks
    /// and other general punctuation, ideographs, and pictures. Others may be, too.
    private static func isWhole(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x80, 0x2002...0x206f, 0x3400...0x4dbf, 0x4e00...0x9fff, 0x1f300...0x1faff: true
        default: false
        }
    }

    /// The scalar, a space for white space, and nil for what has no shape.
    private static func clean(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        switch scalar {
        case "\t", "\n", "\r", " ": return " "
        case "\u{fffd}": return nil
        default: break
        }
        if scalar.isASCII { return scalar.value < 0x20 || scalar.value == 0x7f ? nil : scalar }
        switch scalar.properties.generalCategory {
        case .control, .format, .privateUse, .surrogate: return nil
        default: return scalar.properties.isWhitespace ? " " : scalar
        }
    }

    private static func isPunctuation(_ category: Unicode.GeneralCategory) -> Bool {
        switch category {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation:
            true
        default: false
        }
    }

    /// The blocks of unified ideographs that the BERT authors name; Hangul and kana are not in them.
    private static func isIdeograph(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x4e00...0x9fff, 0x3400...0x4dbf, 0x20000...0x2a6df, 0x2a700...0x2b73f,
            0x2b740...0x2b81f, 0x2b820...0x2ceaf, 0xf900...0xfaff, 0x2f800...0x2fa1f:
            true
        default: false
        }
    }
}
