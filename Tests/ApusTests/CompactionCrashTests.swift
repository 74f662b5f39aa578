import Apus
import ApusStorage
import TestSupport
import Testing

/// The machine stops at every single call of a seal and a merge.
@Suite("Crashes while segments are sealed and merged")
struct CompactionCrashTests {
    private static let path = "/db"

    private func open(_ disk: SimulatedFileSystem) throws -> Database {
        try Database.open(at: Self.path, configuration: .quiet, fileSystem: disk)
    }

    /// A file, its updates and deletions, and rows in memory: what a seal and a merge find.
    private func filled(_ points: Collection) throws -> ExpectedPoints {
        var expected = ExpectedPoints()
        let first = (0..<40).map { ExpectedPoints.point($0, version: 1) }
        try points.upsert(first)
        try points.seal()
        let second = (20..<60).map { ExpectedPoints.point($0, version: 2) }
        try points.upsert(second)
        try points.delete(.ids([1, 2, 30]))
        for point in first + second { expected.put(point) }
        for id in [UInt64(1), 2, 30] { expected.delete(id) }
        return expected
    }

    /// What runs until the machine stops; errors are expected.
    private func work(_ points: Collection) {
        try? points.seal()
        try? points.compact()
    }

    private func check(_ disk: SimulatedFileSystem, _ expected: ExpectedPoints) throws {
        let database = try open(disk)
        let points = try database.collection("p")
        try expected.check(points, searching: false)
        // What the crash left behind is gone, and the work can be done again.
        #expect(disk.files.keys.filter { $0.hasSuffix(".tmp") } == [])
        try points.compact()
        try expected.check(points)
        #expect(disk.files.keys.filter { $0.hasSuffix(".seg") }.count == 1)
        try database.close()
    }

    @Test("Every acknowledged write is there once, whichever call was the last")
    func everyCall() throws {
        let prepared = SimulatedFileSystem(directories: ["/"])
        let database = try open(prepared)
        let expected = try filled(try database.createCollection("p", .small))
        let start = prepared.afterKill()
        // Opening and closing are part of the run, so all calls are counted from the start.
        var calls = 0
        do {
            let disk = start.afterKill()
            let database = try open(disk)
            work(try database.collection("p"))
            calls = disk.controls.callCount
            try database.close()
        }
        try database.close()
        #expect(calls > 20)
        for call in 0..<calls {
            let disk = start.afterKill()
            disk.change { $0.crashingCall = call }
            if let database = try? open(disk) {
                if let points = try? database.collection("p") { work(points) }
                try? database.close()
            }
            try check(disk.afterKill(), expected)
            try check(disk.afterPowerLoss(.losesEverythingUnsynced), expected)
            try check(disk.afterPowerLoss(.losesSome(seed: UInt64(call))), expected)
        }
    }

    @Test("Every call may fail once, and nothing is lost in this process or the next")
    func everyFault() throws {
        let prepared = SimulatedFileSystem(directories: ["/"])
        let first = try open(prepared)
        let expected = try filled(try first.createCollection("p", .small))
        let start = prepared.afterKill()
        try first.close()
        for (kind, call) in [(StorageError.Kind.io, 0), (.outOfSpace, 1)].flatMap({ kind, offset in
            stride(from: offset, to: 40, by: 2).map { (kind, $0) }
        }) {
            let disk = start.afterKill()
            let database = try open(disk)
            let points = try database.collection("p")
            disk.change {
                $0.faults = [
                    SimulatedFileSystem.Fault(
                        nil, on: "/p/", kind: kind, afterCalls: call, count: 1)
                ]
            }
            work(points)
            disk.change { $0.faults = [] }
            try expected.check(points, searching: false)
            try? points.compact()
            try expected.check(points, searching: false)
            try? database.close()
            try check(disk.afterPowerLoss(.losesEverythingUnsynced), expected)
        }
    }
}
