private import COpenBLAS

/// Products of matrices of floats, by OpenBLAS.
@safe
package enum MatrixProduct {
    /// OpenBLAS has threads of its own, which would fight with ours for the cores.
    private static let isSingleThreaded: Bool = {
        openblas_set_num_threads(1)
        return true
    }()

    /// The dot products of `leftCount` rows with `rightCount` others, all of `dimension` floats and
    /// so many floats apart as the strides say: product (i, j) lands at `i * rightCount + j`.
    package static func dotProducts(
        of left: UnsafePointer<Float>, count leftCount: Int, stride leftStride: Int,
        with right: UnsafePointer<Float>, count rightCount: Int, stride rightStride: Int,
        dimension: Int, into products: UnsafeMutablePointer<Float>
    ) {
        guard leftCount > 0, rightCount > 0, isSingleThreaded else { return }
        unsafe cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(leftCount), blasint(rightCount),
            blasint(dimension), 1, left, blasint(leftStride), right, blasint(rightStride), 0,
            products, blasint(rightCount))
    }

    /// The matrix product of `leftCount` rows with `rightCount` others of `columns` floats: row i is
    /// the sum of the right rows, weighted with the `rightCount` numbers of left row i. Rows are so
    /// many floats apart as the strides say.
    package static func product(
        of left: UnsafePointer<Float>, count leftCount: Int, stride leftStride: Int,
        with right: UnsafePointer<Float>, count rightCount: Int, stride rightStride: Int,
        columns: Int, into products: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard leftCount > 0, rightCount > 0, isSingleThreaded else { return }
        unsafe cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(leftCount), blasint(columns),
            blasint(rightCount), 1, left, blasint(leftStride), right, blasint(rightStride), 0,
            products, blasint(stride))
    }
}
