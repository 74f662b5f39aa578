private import ApusCore
private import Foundation

/// Writes the figures of `KernelBench`: JSON Lines for programs, a table for people, whose rows have
/// the three accesses of one kernel beside each other.
package enum KernelReport {
    /// One JSON object without a newline.
    package static func line(_ figure: KernelBench.Figure, workingSetByteCount: Int) -> String {
        let fields: [(String, String)] = [
            ("bench", "\"kernels\""), ("element", "\"\(figure.element)\""),
            ("metric", "\"\(name(of: figure.metric))\""), ("isa", "\"\(figure.level.rawValue)\""),
            ("dimension", "\(figure.dimension)"), ("access", "\"\(figure.access.rawValue)\""),
            ("ns_per_distance", number(figure.nanoseconds, 2)),
            ("gb_per_s", number(figure.gigabytesPerSecond, 2)),
            ("memory_gb_per_s", number(figure.readGigabytesPerSecond, 2)),
            ("share_of_memory", figure.shareOfMemory.map { number($0, 3) } ?? "null"),
            ("working_set_bytes", "\(workingSetByteCount)"),
        ]
        return "{" + fields.map { "\"\($0)\": \($1)" }.joined(separator: ", ") + "}"
    }

    package static let heading =
        row(
            ["element", "metric", "isa", "dim"],
            ["cache ns", "GB/s", "in line ns", "GB/s", "of memory"]
                + ["random ns", "GB/s", "of memory", "read GB/s"])

    /// A line of the table: figures of one kernel, in the order of `Access`.
    package static func row(_ figures: [KernelBench.Figure]) -> String {
        guard let first = figures.first else { return "" }
        let cells = figures.flatMap { figure in
            [number(figure.nanoseconds, 1), number(figure.gigabytesPerSecond, 1)]
                + (figure.access == .cache
                    ? [] : [figure.shareOfMemory.map { number($0 * 100, 0) + "%" } ?? "–"])
        }
        return row(
            [
                first.element, name(of: first.metric), first.level.rawValue,
                "\(first.dimension)",
            ], cells + [number(first.readGigabytesPerSecond, 1)])
    }

    private static func row(_ names: [String], _ numbers: [String]) -> String {
        (names.map { $0.padding(toLength: 9, withPad: " ", startingAt: 0) }
            + numbers.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 })
            .joined(separator: " ")
    }

    private static func name(of metric: Metric) -> String {
        metric == .euclid ? "l2" : metric.rawValue
    }

    private static func number(_ value: Double, _ digits: Int) -> String {
        String(format: "%.\(digits)f", value)
    }
}
