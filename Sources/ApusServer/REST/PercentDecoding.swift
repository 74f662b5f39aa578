package import ApusCore

/// The text that a percent-encoded part of a request target stands for.
///
/// `plusIsSpace` holds in query strings only. Throws `invalidArgument` where a `%` lacks its two
/// hexadecimal digits or the bytes are no UTF-8.
package func percentDecoded(
    _ text: Substring, plusIsSpace: Bool = false
) throws(DatabaseError) -> String {
    let space = UInt8(ascii: " ")
    var bytes: [UInt8] = []
    var iterator = text.utf8.makeIterator()
    while let byte = iterator.next() {
        switch byte {
        case UInt8(ascii: "%"):
            guard let high = iterator.next().flatMap(hexDigit),
                let low = iterator.next().flatMap(hexDigit)
            else {
                throw .wrongInput("Malformed percent-encoding in `\(text)`")
            }
            bytes.append(high << 4 | low)
        case UInt8(ascii: "+") where plusIsSpace: bytes.append(space)
        default: bytes.append(byte)
        }
    }
    guard let decoded = String(validating: bytes, as: UTF8.self) else {
        throw .wrongInput("Percent-encoded bytes in `\(text)` are no UTF-8")
    }
    return decoded
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
