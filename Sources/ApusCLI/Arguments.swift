import ApusCore
import ArgumentParser

/// `--metric`, in the words of papers.
enum MetricArgument: String, ExpressibleByArgument, CaseIterable {
    case cosine
    case l2
    case dot

    var metric: Metric {
        switch self {
        case .cosine: .cosine
        case .l2: .euclid
        case .dot: .dot
        }
    }

    /// As the wire API calls it.
    var distance: String {
        switch self {
        case .cosine: "Cosine"
        case .l2: "Euclid"
        case .dot: "Dot"
        }
    }

    /// How `metric` is called here; Manhattan has no word of its own yet.
    static func name(of metric: Metric) -> String {
        allCases.first { $0.metric == metric }?.rawValue ?? metric.rawValue
    }
}

/// Numbers with commas between them: `16,32,64`.
struct NumberList: ExpressibleByArgument {
    let numbers: [Int]

    init(_ numbers: [Int]) { self.numbers = numbers }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count else { return nil }
        self.numbers = numbers
    }

    var defaultValueDescription: String { numbers.map(String.init).joined(separator: ",") }
}

/// A number of bytes: `1500000`, `64KiB`, `500MiB`, `8GiB`, `1TiB`.
struct ByteCountArgument: ExpressibleByArgument {
    let bytes: Int

    init?(argument: String) {
        let units = ["KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40]
        let unit = units.first { argument.hasSuffix($0.key) }
        let digits = argument.dropLast(unit?.key.count ?? 0)
        guard let count = Int(digits), count > 0 else { return nil }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: 1 << (unit?.value ?? 0))
        guard !overflow else { return nil }
        self.bytes = bytes
    }
}

/// Checks that belong to single options; each error names its option.
enum Checked {
    static func inRange(
        _ name: String, _ value: Int, _ range: ClosedRange<Int>
    ) throws {
        guard range.contains(value) else {
            throw ValidationError(
                "\(name) must be from \(range.lowerBound) to \(range.upperBound), and is \(value)")
        }
    }
}
