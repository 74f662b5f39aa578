import ApusCore
import ApusPipeline

/// A collection to fill: in a database of this process, or on a server.
protocol IngestTarget: PointSink {
    /// Creates the collection for `fields` when it is missing; otherwise checks that they fit.
    /// Returns whether it was made.
    @discardableResult
    func prepare(_ fields: [VectorField], _ metric: Metric?) async throws -> Bool
    /// Holds the collection to the models that its vectors are to come from, by vector field: throws
    /// where its card says others, and puts them on the card of fields without vectors.
    func adopt(_ models: [String: CollectionCard.Model]) async throws
    /// Points that the collection has.
    func count() async throws -> Int
    /// Waits for what is still to be done, and ends the use of the collection.
    func finish() async throws
}

extension CollectionConfiguration {
    /// The vector fields.
    var fields: [VectorField] {
        vectors.map { name, field in
            VectorField(
                name: name,
                kind: field.isMultiVector
                    ? .multi(dimension: field.dimension) : .dense(dimension: field.dimension))
        } + sparseVectors.keys.map { VectorField(name: $0, kind: .sparse) }
    }
}

/// What a collection must be like to take the points of a source.
enum CollectionShape {
    /// The configuration of a new collection. Cosine when nobody names a metric.
    static func configuration(
        for fields: [VectorField], _ metric: Metric?
    ) -> CollectionConfiguration {
        var configuration = CollectionConfiguration()
        for field in fields {
            switch field.kind {
            case .dense(let dimension):
                configuration.vectors[field.name] = DenseVectorConfiguration(
                    dimension: dimension, metric: metric ?? .cosine)
            case .multi(let dimension):
                configuration.vectors[field.name] = DenseVectorConfiguration(
                    dimension: dimension, metric: metric ?? .cosine, isMultiVector: true)
            case .sparse:
                configuration.sparseVectors[field.name] = SparseVectorConfiguration()
            }
        }
        return configuration
    }

    /// Throws unless `found`, which exists under `name`, can take vectors in `fields`, compared
    /// by `metric` where one is given.
    static func check(
        _ name: String, _ found: CollectionConfiguration, takes fields: [VectorField],
        _ metric: Metric?
    ) throws {
        for field in fields {
            let label = field.name.isEmpty ? "the unnamed vector" : "vector '\(field.name)'"
            guard case .dense(let dimension) = field.kind.withoutRows else {
                guard found.sparseVectors[field.name] != nil else {
                    throw Failure("collection '\(name)' has no sparse \(label)")
                }
                continue
            }
            guard let existing = found.vectors[field.name] else {
                throw Failure("collection '\(name)' has no dense field for \(label)")
            }
            guard existing.dimension == dimension else {
                throw Failure(
                    "collection '\(name)' has dimension \(existing.dimension) for \(label), and"
                        + " the source has \(dimension)")
            }
            guard metric == nil || existing.metric == metric else {
                throw Failure(
                    "collection '\(name)' compares \(label) by"
                        + " \(MetricArgument.name(of: existing.metric)), and --metric says"
                        + " \(metric.map(MetricArgument.name) ?? "nothing")")
            }
        }
    }
}

extension VectorField.Kind {
    /// A multivector counts as dense: both live in one kind of field.
    fileprivate var withoutRows: VectorField.Kind {
        if case .multi(let dimension) = self { .dense(dimension: dimension) } else { self }
    }
}
