// Numbers become floats by a route that is fast for what vectors hold and right for everything.
//
// A number is at first a significand of up to 19 decimal digits and a power of ten. With both
// exactly known and the power within 10^±22 (an exact double), one multiplication or division
// gives a double that is off by less than two units in its last place: half a unit from rounding
// the significand, half from the operation, and a factor of two for crossing a binade. A float
// keeps 29 bits less. So unless those 29 bits lie within a few units of the middle between two
// floats, rounding that double gives the float nearest to the text, also for the 17 digits with
// which clients print floats that they widened to doubles. The rest (one number in ten million of
// random ones) goes through the standard library.
//
// For doubles the same holds exactly when the significand fits 53 bits (Clinger, "How to read
// floating point numbers accurately", 1990).

/// A number as the text has it.
struct JSONNumber {
    /// First byte and the byte behind the last.
    var range: Range<Int>
    var isNegative: Bool
    /// Without fraction and exponent.
    var isInteger: Bool
    /// All digits as one number, if `isExact`.
    var significand: UInt64
    /// The value is ± significand · 10^exponent.
    var exponent: Int
    /// There are at most 19 significant digits, so that the significand holds them all.
    var isExact: Bool
}

/// 10^0 … 10^22: the powers of ten that a double holds exactly.
private let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
]

extension JSONReader {
    /// An array of numbers, each rounded to the nearest float.
    package mutating func readFloats() throws(JSONError) -> [Float] {
        try beginArray()
        floats.removeAll(keepingCapacity: true)
        while try nextElement() { floats.append(try readFloat()) }
        return unsafe floats.withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// A number, rounded to the nearest float. Throws if it is beyond the largest one.
    package mutating func readFloat() throws(JSONError) -> Float {
        let number = try readNumber()
        if number.isExact, abs(number.exponent) <= 22 {
            let magnitude = scaled(number)
            let tail = Int64(truncatingIfNeeded: magnitude.bitPattern & 0x1fff_ffff)
            if abs(tail - 0x1000_0000) > 8, magnitude < 3e38 {
                let value = Float(magnitude)
                return number.isNegative ? -value : value
            }
        }
        guard let value = Float(text(of: number)), value.isFinite else {
            throw malformed(
                "number \(excerpt(of: number)) is out of range", at: number.range.lowerBound)
        }
        return value
    }

    /// A number, rounded to the nearest double. Throws if it is beyond the largest one.
    package mutating func readDouble() throws(JSONError) -> Double {
        try double(try readNumber())
    }

    func double(_ number: JSONNumber) throws(JSONError) -> Double {
        if number.isExact, number.significand <= 1 << 53, abs(number.exponent) <= 22 {
            let magnitude = scaled(number)
            return number.isNegative ? -magnitude : magnitude
        }
        guard let value = Double(text(of: number)), value.isFinite else {
            throw malformed(
                "number \(excerpt(of: number)) is out of range", at: number.range.lowerBound)
        }
        return value
    }

    /// The integer, if the number is one and fits.
    func integer<Integer: FixedWidthInteger>(
        _ number: JSONNumber, as type: Integer.Type = Integer.self
    ) -> Integer? {
        guard number.isInteger else { return nil }
        guard number.isExact else { return Integer(text(of: number)) }
        guard number.isNegative else { return Integer(exactly: number.significand) }
        if number.significand == 1 << 63 { return Integer(exactly: Int64.min) }
        return Int64(exactly: number.significand).flatMap { Integer(exactly: -$0) }
    }

    /// The digits as they stand in the text.
    func text(of number: JSONNumber) -> String {
        unsafe String(decoding: bytes[number.range], as: UTF8.self)
    }

    /// The digits for a message, shortened.
    func excerpt(of number: JSONNumber) -> String {
        let text = text(of: number)
        return text.utf8.count <= 40 ? text : "\(text.prefix(40))…"
    }

    @inline(__always)
    private func scaled(_ number: JSONNumber) -> Double {
        let significand = Double(number.significand)
        return number.exponent < 0
            ? significand / powersOfTen[-number.exponent]
            : significand * powersOfTen[number.exponent]
    }

    /// The next value, which has to be a number.
    @inline(__always)
    mutating func readNumber() throws(JSONError) -> JSONNumber {
        skipWhitespace()
        let start = offset
        let isNegative = current == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        let firstDigit = offset
        var significand: UInt64 = 0
        readDigits(into: &significand)
        var digitCount = offset - firstDigit
        guard digitCount > 0 else {
            if !isNegative { throw unexpected(expecting: "a number") }
            throw malformed("a minus sign without a number", at: start)
        }
        guard unsafe digitCount == 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
            throw malformed("a number with a leading zero", at: start)
        }
        var isInteger = true
        var exponent = 0
        if current == UInt8(ascii: ".") {
            isInteger = false
            offset += 1
            let firstFractionDigit = offset
            readDigits(into: &significand)
            let fractionCount = offset - firstFractionDigit
            guard fractionCount > 0 else {
                throw malformed("a number without digits behind its point", at: start)
            }
            digitCount += fractionCount
            exponent = -fractionCount
        }
        if current | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            exponent += try readExponent(ofNumberAt: start)
        }
        let isExact = digitCount <= 19 || significantDigitCount(from: firstDigit) <= 19
        return JSONNumber(
            range: start..<offset, isNegative: isNegative, isInteger: isInteger,
            significand: significand, exponent: exponent, isExact: isExact)
    }

    /// Appends digits to `value`, wrapping around when there are too many.
    @inline(__always)
    private mutating func readDigits(into value: inout UInt64) {
        while let eight = nextEightDigits() {
            value = value &* 100_000_000 &+ eight
            offset += 8
        }
        while true {
            let digit = current &- UInt8(ascii: "0")
            guard digit < 10 else { return }
            value = value &* 10 &+ UInt64(digit)
            offset += 1
        }
    }

    /// The number that the next eight bytes spell, if all are digits: pairs, then fours, then
    /// eight digits in one word (Lemire, "Quickly parsing eight digits", 2018).
    @inline(__always)
    private func nextEightDigits() -> UInt64? {
        guard count - offset >= 8 else { return nil }
        var word = UInt64(
            littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let high = word & 0xf0f0_f0f0_f0f0_f0f0
        let carried = (word &+ 0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0
        guard high == 0x3030_3030_3030_3030, carried == 0x3030_3030_3030_3030 else { return nil }
        word &-= 0x3030_3030_3030_3030
        word = word &* 10 &+ word >> 8
        let even = (word & 0x0000_00ff_0000_00ff) &* 0x000f_4240_0000_0064
        let odd = (word >> 16 & 0x0000_00ff_0000_00ff) &* 0x0000_2710_0000_0001
        return (even &+ odd) >> 32
    }

    /// The part from `e` on; beyond ±100,000 only the direction matters.
    private mutating func readExponent(ofNumberAt start: Int) throws(JSONError) -> Int {
        offset += 1
        let isNegative = current == UInt8(ascii: "-")
        if isNegative || current == UInt8(ascii: "+") { offset += 1 }
        let first = offset
        var value = 0
        while true {
            let digit = current &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = min(value * 10 + Int(digit), 100_000)
            offset += 1
        }
        guard offset > first else { throw malformed("a number without its exponent", at: start) }
        return isNegative ? -value : value
    }

    /// Digits from the first that is not zero up to the exponent or the number's end.
    private func significantDigitCount(from start: Int) -> Int {
        var digits = 0
        var position = start
        while position < count {
            let byte = unsafe bytes[position]
            if UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte {
                if digits > 0 || byte != UInt8(ascii: "0") { digits += 1 }
            } else if byte != UInt8(ascii: ".") {
                break
            }
            position += 1
        }
        return digits
    }
}
