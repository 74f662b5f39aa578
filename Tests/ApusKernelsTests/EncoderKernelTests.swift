import ApusKernels
import Foundation
import TestSupport
import Testing

/// Every instruction set against plain arithmetic in double precision.
@Suite struct EncoderKernelTests {
    static let levels = SIMDLevel.allCases.filter(\.isSupported)
    /// Around the widths of registers, and what models have.
    static let widths = Array(1...35) + [63, 64, 65, 384]

    private func random(_ count: Int, _ generator: inout SeededGenerator, scale: Float) -> [Float] {
        (0..<count).map { _ in Float.random(in: -scale...scale, using: &generator) }
    }

    private func matrix(_ rows: Int, _ columns: Int, _ values: [Float]) -> FloatMatrix {
        FloatMatrix(rows: rows, columns: columns, values: values)
    }

    /// `left` rows times `right` rows, plus a bias for each right row.
    private func linear(
        _ left: [Float], _ right: [Float], _ bias: [Float], inner: Int
    ) -> [Double] {
        (0..<(left.count / inner)).flatMap { row in
            (0..<bias.count).map { column in
                (0..<inner).reduce(Double(bias[column])) {
                    $0 + Double(left[row * inner + $1]) * Double(right[column * inner + $1])
                }
            }
        }
    }

    private func expectClose(
        _ found: [Float], _ expected: [Double], within bound: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == expected.count, sourceLocation: sourceLocation)
        for (found, expected) in zip(found, expected) {
            #expect(
                abs(Double(found) - expected) <= bound * max(1, abs(expected)),
                sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: levels)
    func linearMapsAddTheirBias(level: SIMDLevel) {
        var generator = SeededGenerator(seed: 1)
        for width in Self.widths {
            let input = random(3 * 5, &generator, scale: 1)
            let weight = random(width * 5, &generator, scale: 1)
            let bias = random(width, &generator, scale: 1)
            let output = matrix(3, width, [])
            EncoderKernel(level: level).apply(
                .init(weight: matrix(width, 5, weight), bias: matrix(1, width, bias)),
                to: matrix(3, 5, input), count: 3, into: output)
            expectClose(
                (0..<3).flatMap(output.values), linear(input, weight, bias, inner: 5),
                within: 1e-5)
        }
    }

    @Test(arguments: levels)
    func geluIsTheExactOne(level: SIMDLevel) {
        let inputs: [Float] =
            stride(from: Float(-12), through: 12, by: 0.00731).map { $0 }
            + [0, -0.0, 1e-30, -1e-30, 1e-3, -1e-3, 30, -30, 100, -100, 3e38, -3e38]
        let identity = matrix(1, 1, [1])
        let output = matrix(inputs.count, 1, [])
        EncoderKernel(level: level).applyGELU(
            .init(weight: identity, bias: matrix(1, 1, [0])), to: matrix(inputs.count, 1, inputs),
            count: inputs.count, into: output)
        // In rows of one column all goes through the tail; in one row hardly anything does.
        let wide = matrix(1, inputs.count, [])
        let zeros = [Float](repeating: 0, count: inputs.count)
        EncoderKernel(level: level).applyGELU(
            .init(weight: matrix(inputs.count, 1, inputs), bias: matrix(1, inputs.count, zeros)),
            to: matrix(1, 1, [1]), count: 1, into: wide)
        for (index, input) in inputs.enumerated() {
            let x = Double(input)
            let expected = x * (1 + erf(x / 2.0.squareRoot())) / 2
            for found in [output.values(ofRow: index)[0], wide.values(ofRow: 0)[index]] {
                #expect(
                    abs(Double(found) - expected) <= 4e-7 * max(1, abs(x)),
                    "gelu(\(input)) is \(found), not \(expected)")
            }
        }
    }

    @Test(arguments: levels)
    func normalizationHasMeanZeroAndVarianceOne(level: SIMDLevel) {
        var generator = SeededGenerator(seed: 2)
        for width in Self.widths {
            let rows = random(2 * width, &generator, scale: 10)
            let other = random(2 * width, &generator, scale: 10)
            let bias = random(width, &generator, scale: 1)
            let gain = random(width, &generator, scale: 2)
            let shift = random(width, &generator, scale: 2)
            let found = matrix(2, width, rows)
            EncoderKernel(level: level).addNormalize(
                found, 0..<2, matrix(2, width, other), matrix(1, width, bias),
                .init(gain: matrix(1, width, gain), shift: matrix(1, width, shift), epsilon: 1e-5))
            var expected: [Double] = []
            for row in 0..<2 {
                let sums = (0..<width).map {
                    Double(rows[row * width + $0]) + Double(other[row * width + $0])
                        + Double(bias[$0])
                }
                let mean = sums.reduce(0, +) / Double(width)
                let variance = sums.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
                let scale = 1 / (variance + 1e-5).squareRoot()
                expected += (0..<width).map {
                    (sums[$0] - mean) * scale * Double(gain[$0]) + Double(shift[$0])
                }
            }
            // A row of one number has no variance: its rounding errors count in full.
            expectClose(
                (0..<2).flatMap(found.values), expected, within: width == 1 ? 1e-2 : 2e-4)
        }
    }

    @Test(arguments: levels)
    func attentionLooksAtItsOwnSequenceOnly(level: SIMDLevel) {
        var generator = SeededGenerator(seed: 3)
        let heads = 3
        for (length, headWidth) in [(1, 4), (2, 5), (7, 8), (16, 32), (37, 3), (130, 16)] {
            let width = heads * headWidth
            let before = 2
            let total = before + length + 1
            let values = random(total * 3 * width, &generator, scale: 2)
            let output = matrix(total, width, [])
            let rows = before..<(before + length)
            EncoderKernel(level: level).attend(
                matrix(total, 3 * width, values), rows: rows, headCount: heads,
                scores: matrix(length, length, []), into: output)
            func value(_ row: Int, _ part: Int, _ column: Int) -> Double {
                Double(values[row * 3 * width + part * width + column])
            }
            for row in rows {
                var expected: [Double] = []
                for head in 0..<heads {
                    let columns = (head * headWidth)..<((head + 1) * headWidth)
                    let scores = rows.map { other in
                        columns.reduce(0) { $0 + value(row, 0, $1) * value(other, 1, $1) }
                            / Double(headWidth).squareRoot()
                    }
                    let top = scores.max() ?? 0
                    let shares = scores.map { exp($0 - top) }
                    let sum = shares.reduce(0, +)
                    expected += columns.map { column in
                        zip(rows, shares).reduce(0) { $0 + value($1.0, 2, column) * $1.1 } / sum
                    }
                }
                expectClose(output.values(ofRow: row), expected, within: 2e-5)
            }
            for row in [0, 1, total - 1] {
                #expect(output.values(ofRow: row).allSatisfy { $0 == 0 })
            }
        }
    }

    @Test func meansTakeTheRowsAsked() {
        let rows = matrix(3, 2, [1, 10, 3, 20, 5, 90])
        #expect(rows.mean(ofRows: 0..<2) == [2, 15])
        #expect(rows.mean(ofRows: 2..<3) == [5, 90])
    }
}
