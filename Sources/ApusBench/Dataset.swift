package import ApusCore
package import ApusPipeline

/// Vectors to search in, vectors to search for, and the exact neighbours of the latter.
package struct Dataset: Sendable {
    package let metric: Metric
    /// Row number = id.
    package let base: FloatRows
    package let queries: FloatRows
    /// Per query the exact neighbours, best first; nil when they are not known for this base.
    package let truth: IDRows?

    /// Reads the files whole. With `limit` only that many rows of the base are used; the file's
    /// neighbours belong to all rows and are then left aside. `k` neighbours must be there.
    package init(
        base basePath: String, queries queryPath: String, truth truthPath: String?, limit: Int?,
        metric: Metric, k: Int
    ) throws {
        let baseFile = try RowFile(path: basePath)
        let rows = min(limit ?? .max, baseFile.layout.rowCount)
        let base = try baseFile.floats(0..<rows)
        let queryFile = try RowFile(path: queryPath)
        let queries = try queryFile.floats(0..<queryFile.layout.rowCount)
        guard base.dimension == queries.dimension else {
            throw BenchError(
                "\(basePath) has vectors of \(base.dimension) numbers, and \(queryPath) of"
                    + " \(queries.dimension)")
        }
        guard rows >= k, queries.count > 0 else {
            throw BenchError(
                "\(rows) base vectors and \(queries.count) queries are too few for k = \(k)")
        }
        self.metric = metric
        self.base = base
        self.queries = queries
        truth =
            if let truthPath, rows == baseFile.layout.rowCount {
                try Self.truth(truthPath, queries: queries.count, base: rows, k: k)
            } else {
                nil
            }
    }

    private static func truth(
        _ path: String, queries: Int, base: Int, k: Int
    ) throws -> IDRows {
        let file = try RowFile(path: path)
        guard file.layout.rowCount == queries else {
            throw BenchError(
                "\(path) has \(file.layout.rowCount) rows, and there are \(queries) queries")
        }
        guard file.layout.width >= k else {
            throw BenchError(
                "\(path) has \(file.layout.width) neighbours a query, and k is \(k)")
        }
        let truth = try file.ids(0..<queries)
        guard let stranger = truth.values.first(where: { !(0..<base).contains($0) }) else {
            return truth
        }
        throw BenchError("\(path) names row \(stranger), and the base has \(base) rows")
    }
}
