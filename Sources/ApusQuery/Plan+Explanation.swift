/// A plan and what it is expected to cost, in nanoseconds.
package struct PlanOption: Hashable, Sendable {
    package var plan: Plan
    package var cost: Double
}

extension Plan {
    /// Whether every row that matches is measured.
    var isScan: Bool {
        switch self {
        case .scan, .codeScan: true
        case .graph, .graphThenFilter, .lists: false
        }
    }
}

extension Plan: CustomStringConvertible {
    package var description: String {
        switch self {
        case .scan: "scan"
        case .codeScan(let candidates): "scan of codes(candidates: \(candidates))"
        case .graph(let ef, let skipsRefused, _):
            skipsRefused ? "walk around refused(ef: \(ef))" : "walk(ef: \(ef))"
        case .graphThenFilter(let ef, let candidates, _):
            "walk, then filter(ef: \(ef), candidates: \(candidates))"
        case .lists(let probes, let candidates):
            "probe(lists: \(probes), candidates: \(candidates))"
        }
    }
}
