import ApusCore

/// Metrics in the text format that Prometheus scrapes (version 0.0.4): families in order, each with
/// its help, its type and its samples.
struct MetricsText {
    typealias Labels = [(name: String, value: String)]

    private var lines: [String] = []

    var text: String { lines.joined(separator: "\n") + "\n" }

    mutating func gauge(_ name: String, _ help: String, _ samples: [(Labels, String)]) {
        family(name, "gauge", help, samples)
    }

    mutating func gauge(_ name: String, _ help: String, _ value: String) {
        family(name, "gauge", help, [([], value)])
    }

    /// The name ends in `_total`.
    mutating func counter(_ name: String, _ help: String, _ samples: [(Labels, String)]) {
        family(name, "counter", help, samples)
    }

    mutating func counter(_ name: String, _ help: String, _ value: String) {
        family(name, "counter", help, [([], value)])
    }

    /// The name ends in `_seconds`.
    mutating func histogram(
        _ name: String, _ help: String, _ histograms: [(Labels, Histogram.Snapshot)]
    ) {
        guard !histograms.isEmpty else { return }
        head(name, "histogram", help)
        for (labels, snapshot) in histograms {
            var count = 0
            for (bound, own) in zip(Histogram.bounds.map(\.description) + ["+Inf"], snapshot.counts)
            {
                count += own
                sample("\(name)_bucket", labels + [("le", bound)], String(count))
            }
            sample("\(name)_sum", labels, String(snapshot.sum.seconds))
            sample("\(name)_count", labels, String(count))
        }
    }

    /// A family without samples is left out.
    private mutating func family(
        _ name: String, _ type: String, _ help: String, _ samples: [(Labels, String)]
    ) {
        guard !samples.isEmpty else { return }
        head(name, type, help)
        for (labels, value) in samples { sample(name, labels, value) }
    }

    private mutating func head(_ name: String, _ type: String, _ help: String) {
        lines.append("# HELP \(name) \(help)")
        lines.append("# TYPE \(name) \(type)")
    }

    private mutating func sample(_ name: String, _ labels: Labels, _ value: String) {
        let inside = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
            .joined(separator: ",")
        lines.append(inside.isEmpty ? "\(name) \(value)" : "\(name){\(inside)} \(value)")
    }

    private static func escaped(_ value: String) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\"": result += "\\\""
            case "\n": result += "\\n"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }
}
