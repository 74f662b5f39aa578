/// Rows of floats, one behind the other, in memory of their own: what an encoder computes with.
///
/// Every operation checks its shapes; a wrong one is a mistake in our code.
@safe
package final class FloatMatrix: @unchecked Sendable {
    // Sendable: weights are written before they are shared; all else stays with one thread.
    package let rowCount: Int
    package let columnCount: Int
    let base: UnsafeMutablePointer<Float>

    /// `[rows × columns]` zeros.
    package init(rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0, "a matrix of \(rows) × \(columns)")
        rowCount = rows
        columnCount = columns
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(1, rows * columns) * MemoryLayout<Float>.stride, alignment: 64)
        unsafe base = unsafe memory.bindMemory(to: Float.self, capacity: max(1, rows * columns))
        unsafe base.initialize(repeating: 0, count: max(1, rows * columns))
    }

    /// `[rows × columns]` with `values` in the order of rows.
    package convenience init(rows: Int, columns: Int, values: [Float]) {
        self.init(rows: rows, columns: columns)
        fill(fromRow: 0, with: values)
    }

    deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }

    /// Puts whole rows, from `row` on.
    package func fill(fromRow row: Int, with values: [Float]) {
        let start = row * columnCount
        precondition(
            start >= 0 && values.count <= rowCount * columnCount - start, "rows beyond the matrix")
        unsafe values.withUnsafeBufferPointer { source in
            guard let address = source.baseAddress else { return }
            unsafe (base + start).update(from: address, count: source.count)
        }
    }

    /// Copies row `source` of a matrix of the same width to row `row`.
    package func copyRow(_ source: Int, of other: FloatMatrix, to row: Int) {
        precondition(columnCount == other.columnCount, "rows of other widths")
        unsafe self.row(row).update(from: other.row(source), count: columnCount)
    }

    /// The mean of the rows, at least one of them; in double precision.
    package func mean(ofRows rows: Range<Int>) -> [Float] {
        precondition(!rows.isEmpty, "the mean of no rows")
        var sums = [Double](repeating: 0, count: columnCount)
        for row in rows {
            let values = unsafe self.row(row)
            for column in 0..<columnCount { sums[column] += Double(unsafe values[column]) }
        }
        return sums.map { Float($0 / Double(rows.count)) }
    }

    /// A row's numbers.
    package func values(ofRow row: Int) -> [Float] {
        unsafe Array(UnsafeBufferPointer(start: self.row(row), count: columnCount))
    }

    /// The address of a row; `rowCount` itself is allowed, for empty ranges.
    func row(_ row: Int) -> UnsafeMutablePointer<Float> {
        precondition((0...rowCount).contains(row), "row \(row) of \(rowCount)")
        return unsafe base + row * columnCount
    }
}
