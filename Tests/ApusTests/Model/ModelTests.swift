import Foundation
import Testing

/// Random histories against a dictionary with exact search.
@Suite("Model", .serialized)
struct ModelTests {
    @Test("The engine agrees with a dictionary on random histories over the real file system")
    func posix() throws {
        try ModelCampaign(count: 10, palette: History.Palette(hasTrouble: false)) { _ in
            PosixWorld()
        }.run()
    }

    @Test("The engine agrees with a dictionary through power losses, kills and full disks")
    func simulated() throws {
        try ModelCampaign(count: 300, palette: History.Palette()) { history in
            SimulatedWorld(seed: history.settings.seed)
        }.run()
    }

    @Test("A history is read back as it was printed")
    func text() throws {
        for seed in 0..<50 {
            let history = History(seed: UInt64(seed))
            #expect(try History(text: history.description) == history)
        }
    }

    @Test("A model that forgets one deletion is found out, and the history shrinks to its core")
    func plantedBug() throws {
        let bug = ModelCollection.PlantedBug.keepsDeletedPoint(3)
        func fails(_ history: History) -> Bool {
            (try? HistoryRun.run(history, world: SimulatedWorld(seed: 1), plantedBug: bug)) == nil
        }
        let palette = History.Palette(hasTrouble: false)
        let failing = try #require(
            (0..<200).lazy.map { History(seed: $0, palette: palette) }.first(where: fails))
        var shrinker = Shrinker(fails: fails)
        let core = shrinker.shrink(failing)
        // A collection, a point 3, and its deletion: the comparison at the end does the rest.
        #expect(core.steps.count == 3, "\(core)")
        guard case .write(_, let written, _) = core.steps[1],
            case .write(_, let deleted, _) = core.steps[2]
        else {
            Issue.record("\(core)")
            return
        }
        #expect(deleted == [.delete(.ids([3]))])
        guard case .upsert(let drafts)? = written.first else {
            Issue.record("\(core)")
            return
        }
        #expect(written.count == 1 && drafts.map(\.id) == [3])
    }
}
