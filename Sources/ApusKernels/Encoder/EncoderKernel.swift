private import CApusKernels

/// The operations of a transformer's encoder, in the instruction set of this process.
///
/// Sequences lie packed: all tokens of a batch are rows of one matrix, one sequence behind the
/// other and without padding, so that only attention has to know where a sequence ends.
@safe
package struct EncoderKernel: Sendable {
    /// x ↦ W·x + b.
    package struct Linear: Sendable {
        /// `[outputs × inputs]`.
        package let weight: FloatMatrix
        /// `[1 × outputs]`.
        package let bias: FloatMatrix

        package init(weight: FloatMatrix, bias: FloatMatrix) {
            precondition(
                bias.rowCount == 1 && bias.columnCount == weight.rowCount, "a bias per output")
            self.weight = weight
            self.bias = bias
        }
    }

    /// Layer normalization: `[1 × width]` each.
    package struct LayerNorm: Sendable {
        package let gain: FloatMatrix
        package let shift: FloatMatrix
        package let epsilon: Float

        package init(gain: FloatMatrix, shift: FloatMatrix, epsilon: Float) {
            precondition(
                gain.rowCount == 1 && shift.rowCount == 1
                    && gain.columnCount == shift.columnCount, "a gain and a shift per column")
            self.gain = gain
            self.shift = shift
            self.epsilon = epsilon
        }
    }

    private let functions: capus_encoder_kernels

    package init(level: SIMDLevel = .effective) {
        let table = unsafe KernelTable.encoder(level) ?? KernelTable.encoder(.scalar)
        guard let table = unsafe table else { preconditionFailure("no scalar kernels") }
        unsafe functions = table.pointee
    }

    /// The first `count` rows of `input` through `layer`, into those of `output`.
    package func apply(
        _ layer: Linear, to input: FloatMatrix, count: Int, into output: FloatMatrix
    ) {
        multiply(input, layer.weight, count, output)
        unsafe functions.add_bias(
            output.base, layer.bias.base, count, output.columnCount)
    }

    /// The same, then the exact GELU.
    package func applyGELU(
        _ layer: Linear, to input: FloatMatrix, count: Int, into output: FloatMatrix
    ) {
        multiply(input, layer.weight, count, output)
        unsafe functions.add_bias_gelu(
            output.base, layer.bias.base, count, output.columnCount)
    }

    /// The first `count` rows of `input` through `layer`, plus those of `residual`, normalized,
    /// into those of `output`.
    package func apply(
        _ layer: Linear, to input: FloatMatrix, adding residual: FloatMatrix, _ norm: LayerNorm,
        count: Int, into output: FloatMatrix
    ) {
        multiply(input, layer.weight, count, output)
        addNormalize(output, 0..<count, residual, layer.bias, norm)
    }

    /// Adds the first rows of `other` and the single row `bias` to the given rows, and normalizes
    /// them.
    package func addNormalize(
        _ matrix: FloatMatrix, _ rows: Range<Int>, _ other: FloatMatrix, _ bias: FloatMatrix,
        _ norm: LayerNorm
    ) {
        let width = matrix.columnCount
        precondition(
            rows.upperBound <= matrix.rowCount && rows.count <= other.rowCount
                && other.columnCount == width && bias.columnCount == width && bias.rowCount == 1
                && norm.gain.columnCount == width, "normalizing rows of another shape")
        var constants = unsafe capus_layer_norm(
            gain: norm.gain.base, shift: norm.shift.base, epsilon: norm.epsilon)
        unsafe functions.add_normalize(
            matrix.row(rows.lowerBound), other.base, bias.base, &constants, rows.count, width)
    }

    /// Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", 2017, section
    /// 3.2) of one sequence.
    ///
    /// `projections` is `[tokens × 3 · width]`: queries, keys and values of all heads side by side.
    /// `scores` is room for as many numbers as the sequence has rows, squared. The heads' results
    /// land side by side in the same rows of `output`, `[tokens × width]`.
    package func attend(
        _ projections: FloatMatrix, rows: Range<Int>, headCount: Int, scores: FloatMatrix,
        into output: FloatMatrix
    ) {
        let width = output.columnCount
        let length = rows.count
        precondition(
            projections.columnCount == 3 * width && headCount > 0
                && width.isMultiple(of: headCount) && rows.upperBound <= projections.rowCount
                && rows.upperBound <= output.rowCount
                && length * length <= scores.rowCount * scores.columnCount,
            "attention over another shape")
        let headWidth = width / headCount
        let scale = 1 / Float(headWidth).squareRoot()
        for head in 0..<headCount {
            let queries = unsafe projections.row(rows.lowerBound) + head * headWidth
            unsafe MatrixProduct.dotProducts(
                of: queries, count: length, stride: 3 * width, with: queries + width,
                count: length, stride: 3 * width, dimension: headWidth, into: scores.base)
            unsafe functions.softmax(scores.base, scale, length, length)
            unsafe MatrixProduct.product(
                of: scores.base, count: length, stride: length, with: queries + 2 * width,
                count: length, stride: 3 * width, columns: headWidth,
                into: output.row(rows.lowerBound) + head * headWidth, stride: width)
        }
    }

    private func multiply(
        _ input: FloatMatrix, _ weight: FloatMatrix, _ count: Int, _ output: FloatMatrix
    ) {
        precondition(
            count <= input.rowCount && count <= output.rowCount
                && input.columnCount == weight.columnCount
                && output.columnCount == weight.rowCount, "a product of other shapes")
        unsafe MatrixProduct.dotProducts(
            of: input.base, count: count, stride: input.columnCount, with: weight.base,
            count: weight.rowCount, stride: weight.columnCount, dimension: input.columnCount,
            into: output.base)
    }
}
