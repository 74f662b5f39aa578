import Apus
import ApusStorage
import TestSupport
import Testing

/// A merge ends within a bounded amount of work when its collection is closed, also while the rows
/// of the new file are put in order (docs/adr/0043).
@Suite("Ending merges") struct MergeStopTests {
    private struct Stopped: Error {}

    private static let count: UInt64 = 4_400

    /// Two files, of which a merge makes one.
    private static func filled(_ points: Collection) throws -> ExpectedPoints {
        var expected = ExpectedPoints()
        for part in [0..<count, (count - 100)..<(count + 100)] {
            let new = part.map { ExpectedPoints.point($0, version: Int(part.lowerBound)) }
            try points.upsert(new)
            for point in new { expected.put(point) }
            try points.seal()
        }
        return expected
    }

    private static func segments(_ disk: SimulatedFileSystem) -> Set<String> {
        Set(disk.files.keys.filter { $0.contains(".seg") })
    }

    @Test("It can be ended at every pause, which there are in the copy of the rows, too")
    func everyPause() throws {
        let hook = PauseHook()
        var configuration = EngineConfiguration.quiet
        configuration.mergePauseHook = { try hook() }
        let disk = SimulatedFileSystem(directories: ["/"])
        let database = try Database.open(
            at: "/db", configuration: configuration, fileSystem: disk)
        // Without room for a copy of its rows.
        let bounded = try database.createCollection("bounded", .small)
        _ = try Self.filled(bounded)
        var change = CollectionConfigurationChange()
        change.optimizers = .init()
        change.optimizers?.memoryBudgetBytes = bounded.usage().current.total.memory + 1
        try bounded.update(change)
        hook.set(at: .max) {}
        try bounded.compact()
        let asTheyAre = hook.count

        let points = try database.createCollection("p", .small)
        let expected = try Self.filled(points)
        let before = Self.segments(disk)
        var pause = 0
        while pause < 1_000 {
            hook.set(at: pause) { throw Stopped() }
            do {
                try points.compact()
                break
            } catch {
                // Nothing more was done, and nothing was left behind.
                #expect(hook.count == pause + 1)
                #expect(Self.segments(disk) == before)
            }
            pause += 1
        }
        // It went through when only the moment behind its commit was left.
        #expect(hook.count == pause + 1)
        // Each 2,048 rows of the walk, and behind ids, vectors and graph.
        #expect(hook.count - asTheyAre == Int(Self.count + 100) / 2_048 + 3)
        try expected.check(points)
        try database.close()
        let again = try Database.open(
            at: "/db", configuration: .quiet, fileSystem: disk.afterKill())
        try expected.check(try again.collection("p"), searching: false)
        try again.close()
    }
}
