import ApusWire
import Foundation
import TestSupport
import Testing

/// Reading and printing of numbers, held against the standard library's, bit for bit.
@Suite struct JSONNumberTests {
    @Test func floatsReadLikeTheStandardLibrarysFromEveryFormThatClientsPrint() throws {
        var random = SeededGenerator(seed: 1)
        var texts: [String] = []
        for _ in 0..<100_000 {
            let value = Float(bitPattern: UInt32.random(in: 0...0x7f7f_ffff, using: &random))
            let component = Float.random(in: -1...1, using: &random)
            texts.append(value.description)
            texts.append(component.description)
            // Clients without a 32-bit type print the widened value with up to 17 digits.
            texts.append(Double(component).description)
            texts.append(Double.random(in: -1...1, using: &random).description)
        }
        try expectFloats(texts)
    }

    @Test func floatsNextToTheMiddleOfTwoAreRoundedRight() throws {
        var random = SeededGenerator(seed: 2)
        var texts: [String] = []
        for _ in 0..<20_000 {
            let value = Float(
                bitPattern: UInt32.random(in: 0x2000_0000...0x5f00_0000, using: &random))
            let middle = (Double(value) + Double(value.nextUp)) / 2
            for neighbour in [middle.nextDown, middle, middle.nextUp] {
                texts.append(neighbour.description)
                texts.append(String(format: "%.25e", neighbour))
            }
        }
        try expectFloats(texts)
    }

    @Test func extremesAreReadLikeTheStandardLibrarys() throws {
        try expectFloats([
            "0", "-0", "0.0", "-0.0", "0e5", "0.000000000000000000000000000000", "1e-400", "-1e-46",
            "1.401298464324817e-45", "7e-46", "7.1e-46", "1.1754943e-38", "1.17549429e-38",
            "3.4028235e38", "3.40282356e38", "340282350000000000000000000000000000000",
            "0.00000000000000000000000000000000000000000000012", "1000000000000000000000e-21",
            "9999999999999999999", "99999999999999999999", "18446744073709551615",
            "18446744073709551616",
            "0.1234567890123456789012345678901234567890", "16777217", "16777219",
            "16777217.0000000001",
            "12345678", "123456789012345678", "1234567.87654321", "1E5", "1e+5", "1.5E-3",
            "1e00000000005",
        ])
    }

    @Test(arguments: ["3.4028236e38", "1e39", "-1e39", "1e99999999999999999999"])
    func numbersBeyondTheLargestFloatAreRefused(text: String) {
        #expect { try parseFloats("[\(text)]") } throws: { "\($0)".contains("out of range") }
    }

    @Test func doublesReadLikeTheStandardLibrarys() throws {
        var random = SeededGenerator(seed: 3)
        for _ in 0..<50_000 {
            let bits = UInt64.random(in: 0..<0x7ff0_0000_0000_0000, using: &random)
            let value = Double(bitPattern: bits)
            let short = Double.random(in: -1000...1000, using: &random)
            for text in [value.description, String(format: "%.4f", short), "\(short)e-5"] {
                guard case .double(let read) = try parse(text) else {
                    Issue.record("\(text) is no double")
                    continue
                }
                #expect(read.bitPattern == Double(text)?.bitPattern, "\(text)")
            }
        }
    }

    @Test func printedFloatsAreShortestAndReadBackAsThemselves() throws {
        var random = SeededGenerator(seed: 4)
        let values = (0..<100_000).map { index in
            index % 2 == 0
                ? Float.random(in: -1...1, using: &random)
                : Float(bitPattern: UInt32.random(in: 0...0x7f7f_ffff, using: &random))
        }
        var writer = JSONWriter()
        writer.write(values)
        #expect(try parseFloats(String(decoding: writer.bytes, as: UTF8.self)) == values)
        #expect(
            printed([0.05, 1, -0.1, 1e-10, 3.4028235e38, 0, -0.0, 16_777_216]) == [
                "0.05", "1.0", "-0.1", "1e-10", "3.4028235e+38", "0.0", "-0.0", "16777216.0",
            ])
    }

    @Test func whatJSONCannotSayIsPrintedAsNull() {
        #expect(printed([.nan, .infinity, -.infinity]) == ["null", "null", "null"])
    }

    private func printed(_ values: [Float]) -> [String] {
        values.map { value in
            var writer = JSONWriter()
            writer.write(value)
            return String(decoding: writer.bytes, as: UTF8.self)
        }
    }

    private func expectFloats(_ texts: [String]) throws {
        let read = try parseFloats("[" + texts.joined(separator: ", ") + "]")
        try #require(read.count == texts.count)
        var wrong: [String] = []
        for (text, value) in zip(texts, read) where value.bitPattern != Float(text)?.bitPattern {
            wrong.append("\(text) became \(value)")
        }
        #expect(wrong.isEmpty, "\(wrong.prefix(5))")
    }
}
