import ApusPipeline
private import Foundation

/// Shows how far an ingest run is: a bar that renews itself on a terminal, else a line now and
/// then. Not for several threads.
final class ProgressDisplay {
    private let isTerminal: Bool
    private var shownAt: Duration?

    /// On a terminal often enough to look alive; in a log rarely enough to be read.
    private var interval: Duration { isTerminal ? .milliseconds(100) : .seconds(5) }

    init(isTerminal: Bool = StandardError.isTerminal) { self.isTerminal = isTerminal }

    func show(_ progress: IngestProgress) {
        if let shownAt, progress.elapsed - shownAt < interval { return }
        if shownAt == nil, !isTerminal, progress.elapsed < interval { return }
        shownAt = progress.elapsed
        if isTerminal {
            StandardError.write("\r\(Self.bar(progress.fraction)) \(Self.text(progress))\u{1b}[K")
        } else {
            StandardError.write(line: Self.text(progress))
        }
    }

    /// Leaves the bar's line.
    func end() {
        if isTerminal, shownAt != nil { StandardError.write("\n") }
        shownAt = nil
    }

    /// `[=====>      ]`, 30 characters.
    static func bar(_ fraction: Double) -> String {
        let width = 28
        let filled = max(0, min(width, Int(fraction * Double(width))))
        let tip = filled < width ? ">" : ""
        return "["
            + (String(repeating: "=", count: filled) + tip)
            .padding(toLength: width, withPad: " ", startingAt: 0) + "]"
    }

    /// `43200 of 100000 rows (43 %), 12345 rows/s, 0:04 left`
    static func text(_ progress: IngestProgress) -> String {
        var text = "\(progress.rows)"
        if let total = progress.total { text += " of \(total)" }
        let fraction =
            progress.total.map { $0 > 0 ? Double(progress.rows) / Double($0) : 1 }
            ?? progress.fraction
        text += " rows (\(Int(fraction * 100)) %), \(Int(progress.rate.rounded())) rows/s"
        if let remaining = progress.remaining { text += ", \(clock(remaining)) left" }
        return text
    }

    /// `m:ss`, or `h:mm:ss` from an hour on.
    static func clock(_ duration: Duration) -> String {
        let seconds = max(0, duration.components.seconds)
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60)
        let tail = String(format: "%02d", Int(seconds % 60))
        guard hours > 0 else { return "\(minutes):\(tail)" }
        return "\(hours):" + String(format: "%02d", Int(minutes)) + ":\(tail)"
    }
}
