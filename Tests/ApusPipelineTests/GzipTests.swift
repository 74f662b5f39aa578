import ApusPipeline
import Foundation
import Testing

@Suite struct GzipTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// What gzip makes of `{"n":0}`, `{"n":1}`, `{"n":2}`, a line each, and behind it a second
    /// member with `{"n":3}`.
    private static let firstMember: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 83, 178, 50, 168, 229, 170, 6, 209, 134, 80,
        218, 168, 150, 11, 0, 240, 13, 138, 89, 24, 0, 0, 0,
    ]
    private static let secondMember: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 171, 86, 202, 83, 178, 50, 174, 229, 2, 0, 253, 197, 58,
        134, 8, 0, 0, 0,
    ]

    private func lines(_ bytes: [UInt8]) throws -> [String] {
        let reader = try LineReader(path: folder.write("a.gz", bytes))
        var lines: [String] = []
        while let line = try reader.next() { lines.append(String(decoding: line, as: UTF8.self)) }
        return lines
    }

    @Test func membersInARowAreOneText() throws {
        #expect(
            try lines(Self.firstMember + Self.secondMember)
                == (0..<4).map { "{\"n\":\($0)}" })
    }

    @Test func textThatGrowsAThousandfoldIsReadWhole() throws {
        let data = try #require(Data(base64Encoded: Self.sixtyThousandLines))
        let found = try lines(Array(data))
        #expect(found.count == 60_000)
        #expect(Set(found) == ["{}"])
    }

    @Test func anyTruncationIsRefused() throws {
        let whole = Self.firstMember + Self.secondMember
        for length in 2..<whole.count where length != Self.firstMember.count {
            #expect(throws: PipelineError.self, "\(length) bytes") {
                try lines(Array(whole.prefix(length)))
            }
        }
    }

    @Test func noFlippedBitIsTakenForText() throws {
        let expected = try lines(Self.secondMember)
        for bit in 16..<(Self.secondMember.count * 8) {
            var damaged = Self.secondMember
            damaged[bit / 8] ^= 1 << UInt8(bit % 8)
            // Flags, time and origin in the header carry no text.
            if let found = try? lines(damaged) { #expect(found == expected, "bit \(bit)") }
        }
    }

    /// `{}` and a newline, 60,000 times.
    private static let sixtyThousandLines = """
        H4sIAAAAAAACA+3CMQkAAAwDsH+Wy7xXRyEh+Yuqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\
        qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\
        qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq\
        qqqqqqqqqqqqqqqqqqo7C0vaNpIgvwIA
        """
}
