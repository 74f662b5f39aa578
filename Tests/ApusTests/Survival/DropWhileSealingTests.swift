import Apus
import ApusStorage
import Foundation
import TestSupport
import Testing

@Suite("Drop while sealing")
struct DropWhileSealingTests {
    private static func configuration() -> EngineConfiguration {
        var configuration = EngineConfiguration()
        configuration.indexThreads = 1
        configuration.searchThreads = 1
        return configuration
    }

    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        try Database.open(at: "/disk/d", configuration: configuration(), fileSystem: disk)
    }

    private static func point(_ id: UInt64, _ generation: Int64) -> Point {
        Point(id: .number(id), vector: [Float(id), 1], payload: ["g": .integer(generation)])
    }

    private static let schema = CollectionConfiguration(dimension: 2, metric: .euclid)

    /// Runs a call on a thread of its own; `wait` gives its error.
    private final class Running: Sendable {
        private let result = Monitor<Result<Void, any Error>?>(nil)

        init(_ body: @escaping @Sendable () throws -> Void) {
            Thread.detachNewThread { [result] in
                let outcome = Result(catching: body)
                result.withLock { $0 = outcome }
                result.notifyAll()
            }
        }

        func wait() -> Result<Void, any Error> { result.wait { $0 } }
    }

    @Test(
        "(13) A collection dropped and created again under one name while a flush runs is new"
    )
    func dropWhileFlushRuns() throws {
        for crashes in [false, true] {
            let disk = SimulatedFileSystem(directories: ["/disk"])
            let database = try Self.open(disk)
            let old = try database.createCollection("c", Self.schema)
            try old.upsert((0..<40).map { Self.point($0, 1) })
            // The flush waits for the disk in the middle of its segment file.
            disk.change { $0.holdsSyncs = true }
            let seal = Running { try old.seal() }
            disk.wait { $0.waitingSyncCount > 0 }
            let renames = disk.count(of: .rename)
            let drop = Running { _ = try database.dropCollection("c") }
            disk.wait { ($0.counts[.rename] ?? 0) > renames }
            disk.change { $0.holdsSyncs = false }
            try drop.wait().get()
            _ = seal.wait()
            let new = try database.createCollection("c", Self.schema)
            try new.upsert([Self.point(3, 2)])
            #expect(throws: DatabaseError.self) { try old.upsert([Self.point(5, 1)]) }

            let next: SimulatedFileSystem
            if crashes {
                next = disk.afterPowerLoss(.losesEverythingUnsynced)
                try? database.close()
            } else {
                try database.close()
                next = disk
            }
            let again = try Self.open(next)
            #expect(again.collectionNames() == ["c"])
            let found = try again.collection("c").scroll(ScrollRequest(limit: 100)).points
            #expect(found.map(\.id) == [3])
            #expect(found.first?.payload == ["g": 2])
            try again.close()
            #expect(next.files.keys.allSatisfy { !$0.contains("dropped") })
        }
    }

    @Test("(13) Power loss while a collection is dropped and created again leaves one of the two")
    func powerLossWhileReplacing() throws {
        var call = 0
        var hasFinished = false
        while !hasFinished {
            for seed in 0..<UInt64(4) {
                let disk = SimulatedFileSystem(directories: ["/disk"], seed: seed)
                let database = try Self.open(disk)
                let old = try database.createCollection("c", Self.schema)
                try old.upsert((0..<4).map { Self.point($0, 1) })
                disk.change { $0.crashingCall = $0.callCount + call }
                var acknowledged = 0
                do {
                    let seal = Running { try old.seal() }
                    defer { _ = seal.wait() }
                    _ = try database.dropCollection("c")
                    acknowledged = 1
                    let new = try database.createCollection("c", Self.schema)
                    acknowledged = 2
                    try new.upsert([Self.point(9, 2)])
                    acknowledged = 3
                } catch let error as DatabaseError {
                    #expect(disk.hasCrashed, "\(error)")
                }
                hasFinished = !disk.hasCrashed
                let next = disk.afterPowerLoss(
                    seed == 0 ? .losesEverythingUnsynced : .losesSome(seed: seed))
                try? database.close()
                let again = try Self.open(next)
                let ids = try? again.collection("c").scroll(ScrollRequest(limit: 9)).points
                    .map(\.id)
                let allowed: [[PointID]?] =
                    switch acknowledged {
                    case 0: [[0, 1, 2, 3], nil]
                    case 1: [nil, []]
                    case 2: [[], [9]]
                    default: [[9]]
                    }
                #expect(
                    allowed.contains(ids),
                    "call \(call), \(acknowledged) acknowledged: \(String(describing: ids))")
                try again.close()
            }
            call += 1
        }
        #expect(call > 20)
    }
}
