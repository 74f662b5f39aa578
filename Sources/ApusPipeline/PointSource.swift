package import ApusCore

/// Points in a fixed order, read once from front to back.
///
/// Two runs over an unchanged source give the same points in the same order, so that a number of
/// points says where a run stopped.
package protocol PointSource: SendableMetatype {
    /// Points from start to end, when the source knows without reading all of them.
    var count: Int? { get }
    /// How much of the source has been read, 0…1; stands in for `count` where that is unknown.
    var fractionRead: Double { get }
    /// The vector fields of the first point: what a new collection must have.
    var fields: [VectorField] { get }

    /// Passes over the next `count` points, or all that are left. Returns the ids of some of
    /// them, at most a hundred, spread evenly and the last one among them: who wants to know
    /// whether a collection has the points can ask for these.
    mutating func skip(_ count: Int) async throws(PipelineError) -> [PointID]
    /// The next `limit` points at most; empty only at the end.
    mutating func next(_ limit: Int) async throws(PipelineError) -> [Point]
}

/// Which of the rows that a source passes over are sampled.
enum SkipSample {
    /// The numbers, below `count`, of at most a hundred rows; ascending, the last row included.
    static func rows(of count: Int) -> [Int] {
        guard count > 0 else { return [] }
        let step = (count + 98) / 99
        return stride(from: 0, to: count - 1, by: step) + [count - 1]
    }
}

/// A vector field as the first point of a source shows it.
package struct VectorField: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        case dense(dimension: Int)
        case multi(dimension: Int)
        case sparse
    }

    package var name: String
    package var kind: Kind

    package init(name: String, kind: Kind) {
        self.name = name
        self.kind = kind
    }

    /// The fields of `point`, by name.
    package static func fields(of point: Point) -> [VectorField] {
        point.vectors.map { name, vector in
            switch vector {
            case .dense(let values):
                VectorField(name: name, kind: .dense(dimension: values.count))
            case .multi(let rows):
                VectorField(name: name, kind: .multi(dimension: rows.first?.count ?? 0))
            case .sparse: VectorField(name: name, kind: .sparse)
            }
        }
        .sorted { $0.name < $1.name }
    }
}
