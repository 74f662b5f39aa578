package import ApusCore
package import ApusPipeline
private import Foundation

/// Vectors to search in, vectors to search for, and the exact neighbours of the latter.
package struct Dataset: Sendable {
    /// For people: the file that the base comes from, with its folder.
    package let name: String
    package let metric: Metric
    /// Row number = id.
    package let base: FloatRows
    package let queries: FloatRows
    /// Per query the exact neighbours, best first; nil when they are not known for this base.
    package let truth: IDRows?
    /// What each row of the base carries; nil: nothing.
    package private(set) var payloads: [Payload]?

    /// Reads the files whole. With `limit` only that many rows of the base are used; the file's
    /// neighbours belong to all rows and are then left aside. `k` neighbours must be there.
    package init(
        base basePath: String, queries queryPath: String, truth truthPath: String?, limit: Int?,
        metric: Metric, k: Int
    ) throws {
        try self.init(
            base: RowFile(path: basePath), queries: RowFile(path: queryPath),
            truth: truthPath.map { path in { try RowFile(path: path) } }, limit: limit,
            metric: metric, k: k)
    }

    /// Reads a file of ann-benchmarks: `train`, `test` and, where it is there, `neighbors`; the
    /// attribute `distance` says how vectors are compared, unless `metric` does.
    package init(hdf5 path: String, limit: Int?, metric: Metric?, k: Int) throws {
        let file = try HDF5File(path: path)
        let hasTruth = file.names.contains("neighbors")
        try self.init(
            base: file.rows("train"), queries: file.rows("test"),
            truth: hasTruth ? { try file.rows("neighbors") } : nil, limit: limit,
            metric: metric ?? Self.metric(of: file), k: k)
    }

    private init(
        base baseFile: RowFile, queries queryFile: RowFile, truth: (() throws -> RowFile)?,
        limit: Int?, metric: Metric, k: Int
    ) throws {
        let rows = min(limit ?? .max, baseFile.layout.rowCount)
        let (basePath, queryPath) = (baseFile.file.path, queryFile.file.path)
        let base = try baseFile.floats(0..<rows)
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
        name = Self.name(of: basePath)
        self.metric = metric
        self.base = base
        self.queries = queries
        self.truth =
            if let truth, rows == baseFile.layout.rowCount {
                try Self.truth(truth(), queries: queries.count, base: rows, k: k)
            } else {
                nil
            }
    }

    private static func truth(
        _ file: RowFile, queries: Int, base: Int, k: Int
    ) throws -> IDRows {
        let path = file.file.path
        guard file.layout.rowCount == queries else {
            throw BenchError(
                "\(path) has neighbours for \(file.layout.rowCount) queries, and there are"
                    + " \(queries)")
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

    /// In the words of ann-benchmarks.
    private static func metric(of file: HDF5File) throws -> Metric {
        let path = file.file.path
        switch try file.text(attribute: "distance") {
        case "angular": return .cosine
        case "euclidean": return .euclid
        case "dot": return .dot
        case let other?:
            throw BenchError(
                "\(path), attribute 'distance': expected angular, euclidean or dot, found '\(other)'"
            )
        case nil: throw BenchError("\(path) does not say its metric: give it with --metric")
        }
    }

    private static func name(of path: String) -> String {
        let url = URL(fileURLWithPath: path)
        let folder = url.deletingLastPathComponent().lastPathComponent
        return "\(folder)/\(url.lastPathComponent)"
    }
}

// MARK: Payload

extension Dataset {
    /// The dataset with the lines of a JSON Lines file (plain or gzip) as payload: the first line
    /// belongs to the first row of the base, and so on. Lines beyond the base are left aside, as
    /// rows beyond a limit are.
    package func withPayload(at path: String) throws -> Dataset {
        let lines = try LineReader(path: path)
        var payloads: [Payload] = []
        payloads.reserveCapacity(base.count)
        while payloads.count < base.count {
            guard let line = try lines.next() else {
                throw BenchError(
                    "\(path) ends after \(payloads.count) lines, and the base has \(base.count)"
                        + " vectors")
            }
            payloads.append(try lines.payload(line))
        }
        var dataset = self
        dataset.payloads = payloads
        return dataset
    }

    /// The point of a row of the base.
    func point(_ row: Int) -> Point {
        Point(
            id: .number(UInt64(row)), vector: Array(base[row]),
            payload: payloads?[row] ?? [:])
    }
}
