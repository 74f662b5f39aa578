private import Foundation

/// Writes the figures of a sweep: JSON Lines for programs, a table for people.
package struct Report: Sendable {
    private let settings: SweepSettings
    private let dataset: Dataset
    /// The instruction set that the kernels use.
    private let isa: String

    package init(_ settings: SweepSettings, _ dataset: Dataset, isa: String) {
        self.settings = settings
        self.dataset = dataset
        self.isa = isa
    }

    /// One JSON object without a newline. `build_s` is null when the index was there already.
    package func line(
        _ effort: Effort, _ measurement: Measurement, _ build: BuildCost
    ) -> String {
        var fields: [(String, String)] = [
            ("index", text(settings.indexName)),
            ("params", object(parameters(effort))),
            ("recall", number(measurement.recall, 5)),
            ("qps", number(measurement.queriesPerSecond, 1)),
            ("p50_us", number(measurement.p50, 1)),
            ("p95_us", number(measurement.p95, 1)),
            ("p99_us", number(measurement.p99, 1)),
            ("build_s", build.seconds.map { number($0, 2) } ?? "null"),
            ("bytes_per_vector", number(build.bytesPerVector, 1)),
            ("isa", "\"\(isa)\""),
            ("build_cpu_s", build.cpuSeconds.map { number($0, 2) } ?? "null"),
            ("segments", "\(build.segments)"),
            ("metric", "\"\(metricName)\""),
            ("dimension", "\(dataset.base.dimension)"),
            ("base", "\(dataset.base.count)"),
            ("queries", "\(dataset.queries.count)"),
            ("bytes_split", object(build.split.map { ($0.part, number($0.bytes, 1)) })),
            ("dataset", text(dataset.name)),
            ("processor", text(Machine.processorName)),
        ]
        if let filter = settings.filter {
            fields.append(("filter", text(filter.text)))
            fields.append(("matches", build.matches.map(String.init) ?? "null"))
        }
        return object(fields)
    }

    private func parameters(_ effort: Effort) -> [(String, String)] {
        var fields: [(String, String)] = []
        if let ivf = settings.ivf {
            fields = [
                ("lists", ivf.lists.map(String.init) ?? "null"),
                ("parts", ivf.parts.map(String.init) ?? "null"), ("bits", "\(ivf.bits)"),
                ("spill", "\(ivf.spills)"),
            ]
        } else if effort != .exact {
            fields = [
                ("m", "\(settings.m)"), ("ef_construction", "\(settings.efConstruction)"),
            ]
            if settings.quantization != .scalar {
                fields.append(("quantization", text(settings.quantization.rawValue)))
            }
            if let oversampling = settings.oversampling {
                fields.append(("oversampling", number(oversampling, 2)))
            }
            if !settings.rescores { fields.append(("rescore", "false")) }
        }
        if let datatype = settings.datatype {
            fields.append(("datatype", text(datatype.rawValue)))
        }
        if let parameter = effort.parameter { fields.append(parameter) }
        return fields + [
            ("k", "\(settings.k)"), ("threads", "\(settings.threads)"),
            ("build_threads", "\(settings.buildThreads)"),
        ]
    }

    /// What is measured, as the curves of other runs have it.
    package var work: Curve.Work {
        var work = Curve.Work(k: settings.k)
        work.dataset = dataset.name
        work.metric = metricName
        work.dimension = dataset.base.dimension
        work.base = dataset.base.count
        work.filter = settings.filter?.text
        return work
    }

    private var metricName: String { dataset.metric == .euclid ? "l2" : dataset.metric.rawValue }

    /// The head of the table.
    package func heading() -> String {
        row([
            settings.efforts.first?.parameter?.name ?? "exact", "recall@\(settings.k)", "queries/s",
            "p50 µs", "p95 µs", "p99 µs",
        ])
    }

    /// One line of the table.
    package func row(_ effort: Effort, _ measurement: Measurement) -> String {
        row([
            effort.parameter?.value ?? "exact", number(measurement.recall, 4),
            number(measurement.queriesPerSecond, 0), number(measurement.p50, 0),
            number(measurement.p95, 0), number(measurement.p99, 0),
        ])
    }

    /// What the index cost, for people.
    package func summary(_ build: BuildCost) -> String {
        var text = "\(dataset.base.count) × \(dataset.base.dimension), \(isa)"
        if let seconds = build.seconds { text += ", built in \(number(seconds, 1)) s" }
        if let seconds = build.cpuSeconds { text += " (\(number(seconds, 1)) s of processor)" }
        text += ", \(number(build.bytesPerVector, 0)) bytes a vector on disk"
        return text + ", \(build.segments) segment\(build.segments == 1 ? "" : "s")"
    }

    private func row(_ cells: [String]) -> String {
        cells.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 }
            .joined(separator: " ")
    }

    private func object(_ fields: [(String, String)]) -> String {
        "{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
    }

    /// A JSON string.
    private func text(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": escaped += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                escaped += String(format: "\\u%04x", scalar.value)
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return "\"\(escaped)\""
    }

    private func number(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}
