import Apus
import ApusStorage
import Synchronization
import TestSupport
import Testing

/// The machine stops at every single call of an attach, with writes before and after it.
@Suite("Crashes while segments are attached")
struct AttachCrashTests {
    private static let folders = ["/builds/a", "/builds/b"]

    /// What the collection is before the attach, right after it, and after one more write.
    private struct States {
        var before = ExpectedPoints()
        var after = ExpectedPoints()
        var end = ExpectedPoints()
    }

    /// A file, rows in memory, and a deletion that is only in the log.
    private func prepare(_ disk: SimulatedFileSystem) throws -> States {
        try Builds.make("a", Builds.points(10..<30, version: 3), on: disk)
        try Builds.make("b", Builds.points([2] + Array(25..<35), version: 4), on: disk)
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        var states = States()
        let batches = [
            Builds.points(0..<15, version: 1), Builds.points(12..<20, version: 2),
        ]
        try points.upsert(batches[0])
        try points.seal()
        try points.upsert(batches[1])
        try points.delete(.ids([4]))
        for batch in batches { states.before.put(batch) }
        states.before.delete(4)
        states.after = states.before
        states.after.put(Builds.points(10..<30, version: 3))
        states.after.put(Builds.points([2] + Array(25..<35), version: 4))
        states.end = states.after
        states.end.put(Builds.points([11], version: 5))
        try database.close()
        return states
    }

    private func work(_ points: Collection) {
        guard (try? points.attach(Self.folders)) != nil else { return }
        try? points.upsert(Builds.points([11], version: 5))
    }

    /// Returns which state it is in; with `goesOn` also goes on from there.
    private func check(
        _ disk: SimulatedFileSystem, _ states: States, goesOn: Bool
    ) throws -> Int {
        let report = try Database.check(at: Builds.path, fileSystem: disk)
        #expect(report.faults == [])
        let database = try Builds.open(disk)
        let points = try database.collection("p")
        let written = try points.retrieve([11], withPayload: .all).first?.payload?["version"]
        let state = written == .integer(5) ? 2 : written == .integer(3) ? 1 : 0
        try [states.before, states.after, states.end][state].check(points, searching: false)
        // What the crash left behind is gone, and the attach can be sent again.
        #expect(disk.files.keys.filter { $0.hasSuffix(".tmp") } == [])
        guard goesOn else {
            try database.close()
            return state
        }
        let again = try points.attach(Self.folders)
        #expect((again.attached.count, again.skipped.count) == (state == 0 ? (2, 0) : (0, 2)))
        try [states.after, states.after, states.end][state].check(points)
        try points.upsert(Builds.points([11], version: 5))
        try states.end.check(points)
        try points.compact()
        try states.end.check(points, searching: false)
        try database.close()
        let after = try Database.check(at: Builds.path, fileSystem: disk)
        #expect(after.faults == [] && after.leftovers == [])
        return state
    }

    @Test("The database is either before or after, whichever call was the last")
    func everyCall() throws {
        let start = SimulatedFileSystem(directories: ["/"])
        let states = try prepare(start)
        let whole = start.afterKill()
        let database = try Builds.open(whole)
        // What happens at each call of opening is told elsewhere.
        let first = whole.controls.callCount
        work(try database.collection("p"))
        let calls = whole.controls.callCount
        try database.close()
        #expect(try check(whole.afterKill(), states, goesOn: true) == 2)
        #expect(calls - first > 60)
        var seen: [Int: Int] = [:]
        for call in first..<calls {
            let disk = start.afterKill()
            disk.change { $0.crashingCall = call }
            if let database = try? Builds.open(disk) {
                if let points = try? database.collection("p") { work(points) }
                try? database.close()
            }
            for state in [
                try check(disk.afterKill(), states, goesOn: call % 4 == 0),
                try check(
                    disk.afterPowerLoss(.losesEverythingUnsynced), states, goesOn: call % 4 == 1),
                try check(
                    disk.afterPowerLoss(.losesSome(seed: UInt64(call))), states,
                    goesOn: call % 4 == 2),
            ] { seen[state, default: 0] += 1 }
        }
        // Whether the write behind it is reached at the last call depends on the threads.
        #expect(Set(seen.keys).isSuperset(of: [0, 1]))
    }

    @Test("Every call may fail once, and this process and the next are before or after")
    func everyFault() throws {
        let start = SimulatedFileSystem(directories: ["/"])
        let states = try prepare(start)
        for (kind, call) in [(StorageError.Kind.io, 0), (.outOfSpace, 3)].flatMap({ kind, offset in
            stride(from: offset, to: 110, by: 6).map { (kind, $0) }
        }) {
            let disk = start.afterKill()
            let database = try Builds.open(disk)
            let points = try database.collection("p")
            disk.change {
                $0.faults = [
                    SimulatedFileSystem.Fault(
                        nil, on: "/p/", kind: kind, afterCalls: call, count: 1)
                ]
            }
            let isAttached = (try? points.attach(Self.folders)) != nil
            disk.change { $0.faults = [] }
            try (isAttached ? states.after : states.before).check(points, searching: false)
            // Of a collection without the attach this point would look like one with it.
            let hasWritten =
                isAttached && (try? points.upsert(Builds.points([11], version: 5))) != nil
            try? database.close()
            let state = try check(
                disk.afterPowerLoss(.losesEverythingUnsynced), states, goesOn: call % 4 == 0)
            if isAttached { #expect(state >= 1) }
            if hasWritten { #expect(state == 2) }
        }
    }

    @Test("Writes and searches go on while segments are attached, and see all of them or none")
    func concurrent() async throws {
        let disk = SimulatedFileSystem(directories: ["/"])
        let folder = try Self.makeBuild(on: disk)
        let database = try Builds.open(disk)
        let points = try database.createCollection("p", .small)
        let seen = SeenCounts()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<3 {
                group.addTask {
                    for number in 0..<60 {
                        let id = 10_000 + writer * 1_000 + number
                        try await points.upsert(Builds.points([id], version: 1))
                        // Of attached points too, before they are attached or after.
                        try await points.upsert(
                            Builds.points([writer * 20 + number % 20], version: 9))
                    }
                }
            }
            let version = try #require(PayloadPath("version"))
            group.addTask {
                let filter = Filter(must: [.field(version, .matchInteger(2))])
                while !seen.isOver.load(ordering: .acquiring) {
                    let count = try await points.count(filter)
                    seen.counts.withLock { _ = $0.insert(count) }
                }
            }
            let report = try await points.attach([folder])
            #expect(report.points == 200)
            for _ in 0..<3 { try await group.next() }
            seen.isOver.store(true, ordering: .releasing)
        }
        // 60 of the 200 are written by others too, before or after.
        #expect(seen.counts.withLock { $0.allSatisfy { $0 == 0 || (140...200).contains($0) } })
        #expect(try await points.count() == 200 + 180)
        try await database.perform { try database.close() }
        #expect(try Database.check(at: Builds.path, fileSystem: disk).faults == [])
    }

    @Test("A collection that is dropped or closed meanwhile is not written to any more")
    func dropped() async throws {
        for round in 0..<6 {
            let disk = SimulatedFileSystem(directories: ["/"])
            let folder = try Self.makeBuild(on: disk)
            let database = try Builds.open(disk)
            let points = try database.createCollection("p", .small)
            let attach = Task { try? await points.attach([folder]) }
            if round % 2 == 0 { await Task.yield() }
            if round < 4 {
                let new = try await database.perform {
                    #expect(try database.dropCollection("p"))
                    return try database.createCollection("p", .small)
                }
                _ = await attach.value
                #expect(try await new.count() == 0)
            }
            try await database.perform { try database.close() }
            let isAttached = await attach.value != nil
            #expect(try Database.check(at: Builds.path, fileSystem: disk).faults == [])
            let again = try Builds.open(disk)
            let count = round < 4 || !isAttached ? 0 : 200
            #expect(try await again.collection("p").count() == count)
            #expect(disk.files.keys.filter { $0.hasSuffix(".tmp") } == [])
            try await again.perform { try again.close() }
        }
    }

    private static func makeBuild(on disk: SimulatedFileSystem) throws -> String {
        try Builds.make("c", Builds.points(0..<200, version: 2), on: disk)
    }
}

/// What a reader saw, and whether it may end.
private final class SeenCounts: Sendable {
    let counts = Mutex<Set<Int>>([])
    let isOver = Atomic(false)
}
