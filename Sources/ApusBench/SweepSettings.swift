package import ApusCore

/// What is built and what is measured on it.
package struct SweepSettings: Hashable, Sendable {
    /// Links per node (the paper's M).
    package var m = 16
    /// Candidates during construction (the paper's efConstruction).
    package var efConstruction = 200
    /// Candidates during search: one measurement each.
    package var efs = [16, 32, 64, 128, 256]
    /// Neighbours asked for.
    package var k = 10
    /// Threads that search at the same time, each one query at a time.
    package var threads = 1
    /// Threads that insert into the graph.
    package var buildThreads = 2
    /// Timed passes over all queries; the fastest one is reported.
    package var passes = 3
    /// Measure the scan over every vector instead of the graph.
    package var isExact = false
    /// An IVF-PQ index instead of the graph.
    package var ivf: IVFConfiguration?
    /// Lists to look into, with an IVF-PQ index: one measurement each.
    package var probes = [8, 16, 32, 64, 128]
    /// What vectors are stored as; nil: float32.
    package var datatype: VectorDatatype?
    /// The codes that the graph is walked by.
    package var quantization = WalkCodes.scalar
    /// Candidates that are measured by their vectors, as a multiple of k; nil: as many as it takes.
    package var oversampling: Double?
    /// Whether answers are ordered by the vectors.
    package var rescores = true
    /// Recalls to ask for, instead of candidates or lists: one measurement each.
    package var targetRecalls: [Double] = []

    /// Which points may be found; nil: all.
    package var filter: TextualFilter?

    package init() {}
}

/// What a graph is walked by.
package enum WalkCodes: String, CaseIterable, Sendable {
    /// 8-bit codes.
    case scalar
    case fourBit = "four-bit"
    case twoBit = "two-bit"
    /// One bit.
    case binary
    /// The vectors themselves.
    case none

    /// What the collection is created with.
    var configuration: QuantizationConfiguration? {
        switch self {
        case .scalar, .none: nil
        case .fourBit: .product(compression: .x8, alwaysRAM: nil)
        case .twoBit: .binary(alwaysRAM: nil, encoding: "two_bits", queryEncoding: nil)
        case .binary: .binary(alwaysRAM: nil, encoding: nil, queryEncoding: nil)
        }
    }
}

/// How a measured search says how much it does.
package enum Effort: Hashable, Sendable {
    case exact
    case candidates(Int)
    case probes(Int)
    case recall(Double)

    package var parameters: SearchParameters {
        switch self {
        case .exact: SearchParameters(exact: true)
        case .candidates(let ef): SearchParameters(ef: ef)
        case .probes(let count): SearchParameters(probes: count)
        case .recall(let target): SearchParameters(targetRecall: target)
        }
    }

    /// The parameter's name and value; nil for none.
    package var parameter: (name: String, value: String)? {
        switch self {
        case .exact: nil
        case .candidates(let ef): ("ef", "\(ef)")
        case .probes(let count): ("probes", "\(count)")
        case .recall(let target): ("target_recall", "\(target)")
        }
    }
}

extension SweepSettings {
    /// What is measured, in order.
    package var efforts: [Effort] {
        if isExact { return [.exact] }
        if !targetRecalls.isEmpty { return targetRecalls.map(Effort.recall) }
        return ivf == nil ? efs.map(Effort.candidates) : probes.map(Effort.probes)
    }

    /// The parameters of searches with an effort.
    package func parameters(_ effort: Effort) -> SearchParameters {
        var parameters = effort.parameters
        parameters.ignoresCodes = quantization == .none
        parameters.oversampling = oversampling
        parameters.rescores = rescores
        return parameters
    }

    package var indexName: String { isExact ? "flat" : ivf == nil ? "hnsw" : "ivfpq" }
}

/// A filter and the text that says it, for reports.
package struct TextualFilter: Hashable, Sendable {
    package var text: String
    package var filter: Filter

    package init(text: String, filter: Filter) {
        self.text = text
        self.filter = filter
    }
}
