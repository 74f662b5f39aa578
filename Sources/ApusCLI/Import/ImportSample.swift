import Apus
import ApusCore
import ApusProto
import ApusWire

/// A collection that an import filled, as its check asks it.
protocol ImportTarget {
    func count() async throws -> Int
    /// Builds what searches of a collection in use would find built.
    func settle() async throws
    /// Those that are there, with payloads and vectors.
    func records(of ids: [PointID]) async throws -> [Record]
    /// The nearest to a vector, best first.
    func nearest(
        to vector: [Float], in field: String, limit: Int, exact: Bool
    ) async throws -> [Hit]
}

struct Hit {
    var id: PointID
    var score: Float
}

/// Some of the points that an import took, each as likely as any other, to be compared at the end.
struct ImportSample {
    static let size = 100
    /// Of the nearest that are compared.
    static let limit = 10

    private var points: [Point] = []
    private var offered = 0

    mutating func offer(_ point: Point) {
        offered += 1
        if points.count < Self.size {
            points.append(point)
        } else {
            let place = Int.random(in: 0..<offered)
            if place < Self.size { points[place] = point }
        }
    }

    /// Reads the points back and searches for their vectors, as usual and exactly. Gives what was
    /// found; throws where a point is not as it was, or searches miss more than `recallMin` allows.
    func check(_ target: some ImportTarget, recallMin: Double) async throws -> String {
        guard !points.isEmpty else { return "there was nothing to compare" }
        try await target.settle()
        let records = try await target.records(of: points.map(\.id))
        let found = Dictionary(records.map { ($0.id, $0) }) { first, _ in first }
        var (right, all) = (0, 0)
        for point in points {
            guard let record = found[point.id] else {
                throw Failure("point \(point.id) is not in the collection")
            }
            try Self.compare(record, with: point)
            for case (let field, .dense(let vector)) in point.vectors {
                let exact = try await target.nearest(
                    to: vector, in: field, limit: Self.limit, exact: true)
                let usual = try await target.nearest(
                    to: vector, in: field, limit: Self.limit, exact: false)
                let ids = Set(exact.map(\.id))
                all += exact.count
                // Those as near as the last one are as right.
                right += usual.count { ids.contains($0.id) || $0.score == exact.last?.score }
            }
        }
        let same = "\(points.count) sampled points are as the source has them"
        guard all > 0 else { return same }
        let recall = min(1, Double(right) / Double(all))
        let digits = (recall * 1000).rounded() / 1000
        guard recall >= recallMin else {
            throw Failure(
                "\(same), but searches for them have a recall@\(Self.limit) of \(digits), below "
                    + "\(recallMin)")
        }
        return "\(same); searches for them have a recall@\(Self.limit) of \(digits)"
    }

    private static func compare(_ record: Record, with point: Point) throws {
        guard record.payload ?? [:] == point.payload else {
            throw Failure("point \(point.id) has another payload than the source has")
        }
        let stored = record.vectors ?? [:]
        guard stored.keys == point.vectors.keys else {
            throw Failure(
                "point \(point.id) has the vectors \(stored.keys.sorted()), and the source "
                    + "\(point.vectors.keys.sorted())")
        }
        for (name, vector) in point.vectors {
            let isRight =
                switch (vector, stored[name]) {
                case (.dense(let row), .dense(let other)?): isSame(row, other)
                case (.multi(let rows), .multi(let others)?):
                    rows.count == others.count && zip(rows, others).allSatisfy { isSame($0, $1) }
                case (.sparse(let sparse), .sparse(let other)?):
                    sparse.sorted().indices == other.sorted().indices
                        && isSame(sparse.sorted().values, other.sorted().values)
                default: false
                }
            guard isRight else {
                throw Failure(
                    "the vector '\(name)' of point \(point.id) is not the one that the source has")
            }
        }
    }

    /// Whether two vectors have one direction, and one length unless the second was normalised; to
    /// the precision of what vectors may be stored as.
    private static func isSame(_ source: [Float], _ stored: [Float]) -> Bool {
        guard source.count == stored.count else { return false }
        let (length, other) = (norm(source), norm(stored))
        guard length > 0, other > 0 else { return length == other }
        guard abs(length - other) <= 0.01 * length || abs(other - 1) <= 0.01 else { return false }
        let difference = zip(source, stored).map { $0 / length - $1 / other }
        return norm(difference) <= 0.01
    }

    private static func norm(_ vector: [Float]) -> Float {
        vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
}

extension LocalTarget: ImportTarget {
    func settle() async throws { try database.collection(name).waitUntilIndexed() }

    func records(of ids: [PointID]) async throws -> [Record] {
        try await database.collection(name).retrieve(ids, withVectors: .all)
    }

    func nearest(
        to vector: [Float], in field: String, limit: Int, exact: Bool
    ) async throws -> [Hit] {
        let request = QueryRequest(
            query: .nearest(.vector(.dense(vector))), using: field,
            parameters: SearchParameters(exact: exact), limit: limit)
        return try await database.collection(name).query(request).map {
            Hit(id: $0.id, score: $0.score)
        }
    }
}

extension RemoteTarget: ImportTarget {
    func settle() async throws {}

    func records(of ids: [PointID]) async throws -> [Record] {
        var request = Qdrant_GetPoints()
        request.collectionName = name
        request.ids = ids.map { Qdrant_PointId($0) }
        request.withPayload.enable = true
        request.withVectors.enable = true
        let answer: Qdrant_GetResponse = try await call(Self.points, "Get", request)
        return try answer.result.map { try Record($0) }
    }

    func nearest(
        to vector: [Float], in field: String, limit: Int, exact: Bool
    ) async throws -> [Hit] {
        var request = Qdrant_QueryPoints()
        request.collectionName = name
        request.query.nearest.dense.data = vector
        if !field.isEmpty { request.using = field }
        request.params.exact = exact
        request.limit = UInt64(clamping: limit)
        let answer: Qdrant_QueryResponse = try await call(Self.points, "Query", request)
        return try answer.result.map { Hit(id: try PointID($0.id), score: $0.score) }
    }
}
