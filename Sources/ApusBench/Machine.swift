private import Foundation

/// What the figures were taken on.
package enum Machine {
    /// The processor's name and how many of it there are, as far as the system tells.
    package static let processorName: String = {
        let count = ProcessInfo.processInfo.activeProcessorCount
        let text = FileManager.default.contents(atPath: "/proc/cpuinfo") ?? Data()
        let line = String(decoding: text, as: UTF8.self).split(separator: "\n")
            .first { $0.hasPrefix("model name") }
        let name = line?.split(separator: ":", maxSplits: 1).last?
            .trimmingCharacters(in: .whitespaces)
        return "\(count) × \(name ?? "processor")"
    }()
}
