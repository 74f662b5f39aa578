private import CApusKernels

/// Sums of rows of a table of bytes that is part of the program or outlives it: `[rows × width]`
/// signed codes, each row with a scale of its own.
@safe
package struct WeightedCodes: @unchecked Sendable {
    // Sendable: the memory is constant and is never given back.
    package let rowCount: Int
    package let width: Int
    private let codes: UnsafePointer<Int8>
    private let scales: [Float]
    private let functions: capus_encoder_kernels

    /// `codes` has as many rows of `width` bytes as there are `scales`, for as long as the program
    /// runs.
    package init(
        codes: UnsafeRawPointer, scales: [Float], width: Int, level: SIMDLevel = .effective
    ) {
        let table = unsafe KernelTable.encoder(level) ?? KernelTable.encoder(.scalar)
        guard let table = unsafe table else { preconditionFailure("no scalar kernels") }
        unsafe functions = table.pointee
        unsafe self.codes = codes.assumingMemoryBound(to: Int8.self)
        self.scales = scales
        self.width = width
        rowCount = scales.count
    }

    /// The sum of `scale × codes` of the rows, each as often as it is named. Every one must be a row
    /// of the table. O(rows · width).
    package func sum(ofRows rows: [UInt32]) -> [Float] {
        var sum = [Float](repeating: 0, count: width)
        unsafe sum.withUnsafeMutableBufferPointer { sum in
            guard let address = sum.baseAddress else { return }
            for row in rows {
                let row = Int(row)
                // Also the check of what lies behind `codes`.
                let scale = scales[row]
                unsafe functions.add_codes(address, codes + row * width, scale, width)
            }
        }
        return sum
    }
}
