import Apus
import TestSupport

/// What the points of a collection look like: its fields, and how an id and a salt become vectors
/// and payloads.
///
/// Components are small whole numbers, so that scores are exact except under cosine; salts that
/// seven divides give all ids one vector.
struct Shape: Sendable {
    enum Field: Sendable {
        case dense(dimension: Int, Metric)
        case multi(dimension: Int, Metric)
        case sparse
    }

    let fields: [(name: String, field: Field)]
    let hnsw: HNSWConfiguration

    private static let graph = HNSWConfiguration(m: 4, efConstruct: 16, fullScanThreshold: 0)

    static let all: [Shape] = [
        Shape(fields: [("", .dense(dimension: 4, .euclid))], hnsw: graph),
        Shape(
            fields: [
                ("angle", .dense(dimension: 8, .cosine)), ("inner", .dense(dimension: 5, .dot)),
                ("tokens", .multi(dimension: 4, .dot)), ("words", .sparse),
            ], hnsw: graph),
        Shape(
            fields: [("grid", .dense(dimension: 6, .manhattan)), ("words", .sparse)], hnsw: graph),
        Shape(
            fields: [("", .dense(dimension: 4, .dot))],
            hnsw: HNSWConfiguration(m: 0, efConstruct: 16, fullScanThreshold: 0)),
    ]

    var configuration: CollectionConfiguration {
        var configuration = CollectionConfiguration(hnsw: hnsw)
        for (name, field) in fields {
            switch field {
            case .dense(let dimension, let metric):
                configuration.vectors[name] = DenseVectorConfiguration(
                    dimension: dimension, metric: metric)
            case .multi(let dimension, let metric):
                configuration.vectors[name] = DenseVectorConfiguration(
                    dimension: dimension, metric: metric, isMultiVector: true)
            case .sparse:
                configuration.sparseVectors[name] = SparseVectorConfiguration()
            }
        }
        return configuration
    }

    func field(_ name: String) -> Field? { fields.first { $0.name == name }?.field }

    // MARK: Content

    /// The vectors that a caller writes for a point. Each field is there three times out of four,
    /// the first one seven times out of eight.
    func vectors(_ draft: Draft) -> [String: Vector] {
        var vectors: [String: Vector] = [:]
        for (position, (name, field)) in fields.enumerated() {
            var generator = SeededGenerator(draft: draft, stream: position)
            let chance = position == 0 ? 8 : 4
            if Int.random(in: 0..<chance, using: &generator) == 0 { continue }
            vectors[name] = field.vector(using: &generator)
        }
        return vectors
    }

    /// The vector that a search looks for.
    static func query(_ field: Field, salt: Int) -> Vector {
        var generator = SeededGenerator(draft: Draft(id: -1, salt: salt), stream: 99)
        return field.vector(using: &generator)
    }

    static let colours = ["red", "green", "blue"]

    static func payload(_ draft: Draft) -> Payload {
        var generator = SeededGenerator(draft: draft, stream: 50)
        var payload: Payload = [:]
        func chance(_ n: Int) -> Bool { Int.random(in: 0..<n, using: &generator) == 0 }
        if !chance(4), let colour = colours.randomElement(using: &generator) {
            payload["colour"] = chance(5) ? .array([.string(colour), "pink"]) : .string(colour)
        }
        if !chance(4) { payload["n"] = .integer(Int64.random(in: 0..<20, using: &generator)) }
        if chance(3) {
            payload["nested"] = .object(["a": .integer(Int64(draft.salt)), "b": .bool(chance(2))])
        }
        if chance(8) {
            payload["text"] = .string(
                String(
                    repeating: "\(draft.id)/\(draft.salt) ",
                    count: Int.random(in: 1..<200, using: &generator)))
        }
        return payload
    }

    static func id(_ number: Int) -> PointID {
        // Every fifth one is a UUID.
        number % 5 == 4
            ? .uuid(UUIDBytes(high: 0x6170_7573, low: UInt64(number))) : .number(UInt64(number))
    }

    /// The number of an id; nil for one that no history writes.
    static func number(_ id: PointID) -> Int? {
        switch id {
        case .number(let number): Int(exactly: number)
        case .uuid(let uuid): uuid.high == 0x6170_7573 ? Int(exactly: uuid.low) : nil
        }
    }
}

extension Shape.Field {
    fileprivate func vector(using generator: inout SeededGenerator) -> Vector {
        switch self {
        case .dense(let dimension, _):
            return .dense(Self.floats(dimension, &generator))
        case .multi(let dimension, _):
            let count = Int.random(in: 1...3, using: &generator)
            return .multi((0..<count).map { _ in Self.floats(dimension, &generator) })
        case .sparse:
            var values: [UInt32: Float] = [:]
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                values[UInt32.random(in: 0..<12, using: &generator)] = Float(
                    Int.random(in: 1...9, using: &generator))
            }
            let sorted = values.sorted { $0.key < $1.key }
            return .sparse(SparseVector(indices: sorted.map(\.key), values: sorted.map(\.value)))
        }
    }

    /// Never the zero vector, which cosine refuses.
    private static func floats(_ dimension: Int, _ generator: inout SeededGenerator) -> [Float] {
        var floats = (0..<dimension).map { _ in Float(Int.random(in: -8...8, using: &generator)) }
        if floats.allSatisfy({ $0 == 0 }) { floats[0] = 1 }
        return floats
    }
}

extension SeededGenerator {
    fileprivate init(draft: Draft, stream: Int) {
        // Duplicates: see `Shape`.
        let id = draft.salt % 7 == 0 && stream < 50 ? 0 : draft.id
        self.init(
            seed: UInt64(truncatingIfNeeded: id) &* 1_000_003
                &+ UInt64(truncatingIfNeeded: draft.salt) &* 7_919
                &+ UInt64(truncatingIfNeeded: stream))
        _ = next()
    }
}
