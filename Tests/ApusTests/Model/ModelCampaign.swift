import Foundation
import Testing

/// Many histories, one after the other; the first one that fails is shrunk and printed.
///
/// Environment: `APUS_HISTORIES` is how many, `APUS_SEED` the first seed, `APUS_HISTORY` the path
/// of a printed history to run instead, `APUS_HISTORIES` times; its steps are told when it fails.
struct ModelCampaign {
    let count: Int
    let palette: History.Palette
    /// A fresh machine for a history.
    let world: (History) -> any World

    /// Fewer of the best points than this share, over all searches through graphs, is a bug.
    private static let recallMin = 0.9

    func run() throws {
        let environment = ProcessInfo.processInfo.environment
        if let path = environment["APUS_HISTORY"] {
            let history = try History(text: String(contentsOfFile: path, encoding: .utf8))
            for _ in 0..<(environment["APUS_HISTORIES"].flatMap(Int.init) ?? 1) {
                var lines: [String] = []
                do {
                    _ = try HistoryRun.run(history, world: world(history)) { lines.append($0) }
                } catch {
                    Issue.record("\(lines.joined(separator: "\n"))\n\(error)")
                    return
                }
            }
            return
        }
        let first = environment["APUS_SEED"].flatMap(UInt64.init) ?? 1
        let count = environment["APUS_HISTORIES"].flatMap(Int.init) ?? count
        var total = HistoryRun.Statistics()
        for seed in first..<(first + UInt64(count)) {
            let history = History(seed: seed, palette: palette)
            var lines: [String] = []
            do {
                total += try HistoryRun.run(history, world: world(history)) { lines.append($0) }
            } catch {
                // At once: shrinking takes long, and a race may not be met again.
                print("model: seed \(seed) failed:\n\(lines.joined(separator: "\n"))\n\(error)")
                return report(seed, history, error)
            }
        }
        print(
            "model: \(count) histories from seed \(first): \(total.steps) steps, \(total.crashes) "
                + "crashes, \(total.failedCalls) failed calls, \(total.searches) graph searches, "
                + "\(total.found) of \(total.findable) best points found")
        #expect(Double(total.found) >= Self.recallMin * Double(total.findable))
    }

    private func report(_ seed: UInt64, _ history: History, _ error: any Error) {
        var shrinker = Shrinker(triesMax: 400) { candidate in
            // Threads take other turns in each run.
            (0..<3).contains { _ in
                (try? HistoryRun.run(candidate, world: world(candidate))) == nil
            }
        }
        let core = shrinker.shrink(history)
        var last = "it did not fail again"
        for _ in 0..<10 {
            do { _ = try HistoryRun.run(core, world: world(core)) } catch { last = "\(error)" }
        }
        Issue.record(
            """
            seed \(seed): \(error)
            shrunk (save as a file and run with APUS_HISTORY=file): \(last)
            \(core)
            """)
    }
}
