private import CApusKernels

/// Scans of product codes in the instruction set of this process (`capus.h`, "Product
/// quantization"). All instruction sets give the same bits.
@safe
package struct ProductCodeKernel: Sendable {
    /// Vectors of a block of 4-bit codes.
    package static let blockCount = Int(capus_pq_block_count)

    private let functions: capus_pq_kernels

    package init(level: SIMDLevel = .effective) {
        let table = unsafe KernelTable.productCodes(level) ?? KernelTable.productCodes(.scalar)
        guard let table = unsafe table else { preconditionFailure("no scalar kernels") }
        unsafe functions = table.pointee
    }

    /// Finds the vectors of `count` whose distance, `base + scale × the sum of their table entries +
    /// their term`, is below `bound`; returns how many there are.
    ///
    /// `blocks` are 4-bit codes of `parts` parts (a multiple of 4, at most 256), `tables` has 16
    /// bytes for each part. `places` and `distances` have room for `count`, rounded up to a block.
    package func scan(
        blocks: UnsafePointer<UInt8>, terms: UnsafePointer<Float>?, count: Int,
        tables: UnsafePointer<UInt8>, parts: Int, base: Float, scale: Float, bound: Float,
        places: UnsafeMutablePointer<UInt32>, distances: UnsafeMutablePointer<Float>
    ) -> Int {
        var query = unsafe capus_pq_query(
            tables: tables, parts: parts, base: base, scale: scale, bound: bound)
        return unsafe functions.scan(&query, blocks, terms, count, places, distances)
    }

    /// The same for 8-bit codes, `parts` bytes a vector, and 256 floats for each part.
    package static func scan(
        codes: UnsafePointer<UInt8>, terms: UnsafePointer<Float>?, count: Int,
        tables: UnsafePointer<Float>, parts: Int, base: Float, bound: Float,
        places: UnsafeMutablePointer<UInt32>, distances: UnsafeMutablePointer<Float>
    ) -> Int {
        unsafe capus_pq8_scan(
            tables, parts, base, bound, codes, terms, count, places, distances)
    }

    /// The nearest of `count` codewords (a multiple of 16, at most 256), which lie component by
    /// component, by squared L2; the first of equals.
    package static func nearest(
        _ part: UnsafePointer<Float>, width: Int, codewords: UnsafePointer<Float>, count: Int
    ) -> Int {
        unsafe Int(capus_pq_nearest(part, width, codewords, count))
    }
}
