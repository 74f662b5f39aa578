import ApusCore

/// What a server tells about itself in numbers at one moment: families in order, each with its help,
/// its type and its samples.
struct MetricsPage {
    typealias Labels = [(name: String, value: String)]

    struct Family {
        enum Samples {
            case gauge([(Labels, String)])
            case counter([(Labels, String)])
            case histogram([(Labels, Histogram.Snapshot)])
        }

        var name: String
        var help: String
        var samples: Samples
    }

    private(set) var families: [Family] = []

    mutating func gauge(_ name: String, _ help: String, _ samples: [(Labels, String)]) {
        guard !samples.isEmpty else { return }
        families.append(Family(name: name, help: help, samples: .gauge(samples)))
    }

    mutating func gauge(_ name: String, _ help: String, _ value: String) {
        gauge(name, help, [([], value)])
    }

    /// The name ends in `_total`. A family without samples is left out.
    mutating func counter(_ name: String, _ help: String, _ samples: [(Labels, String)]) {
        guard !samples.isEmpty else { return }
        families.append(Family(name: name, help: help, samples: .counter(samples)))
    }

    mutating func counter(_ name: String, _ help: String, _ value: String) {
        counter(name, help, [([], value)])
    }

    /// The name ends in `_seconds`.
    mutating func histogram(
        _ name: String, _ help: String, _ histograms: [(Labels, Histogram.Snapshot)]
    ) {
        guard !histograms.isEmpty else { return }
        families.append(Family(name: name, help: help, samples: .histogram(histograms)))
    }
}

// MARK: - Prometheus

extension MetricsPage {
    /// The text format that Prometheus scrapes (version 0.0.4).
    var text: String {
        var text = PrometheusText()
        for family in families { text.add(family) }
        return text.lines.joined(separator: "\n") + "\n"
    }

    private struct PrometheusText {
        var lines: [String] = []

        mutating func add(_ family: Family) {
            let name = family.name
            lines.append("# HELP \(name) \(family.help)")
            switch family.samples {
            case .gauge(let samples):
                lines.append("# TYPE \(name) gauge")
                for (labels, value) in samples { sample(name, labels, value) }
            case .counter(let samples):
                lines.append("# TYPE \(name) counter")
                for (labels, value) in samples { sample(name, labels, value) }
            case .histogram(let samples):
                lines.append("# TYPE \(name) histogram")
                for (labels, snapshot) in samples { add(snapshot, name, labels) }
            }
        }

        private mutating func add(
            _ snapshot: Histogram.Snapshot, _ name: String, _ labels: Labels
        ) {
            var count = 0
            for (bound, own) in zip(Histogram.bounds.map(\.description) + ["+Inf"], snapshot.counts)
            {
                count += own
                sample("\(name)_bucket", labels + [("le", bound)], String(count))
            }
            sample("\(name)_sum", labels, String(snapshot.sum.seconds))
            sample("\(name)_count", labels, String(count))
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
}
