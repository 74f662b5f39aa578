import Apus
import ApusStorage
import TestSupport
import Testing

@Suite("Creating a collection") struct CreationTests {
    private static func open(_ disk: SimulatedFileSystem) throws -> Database {
        try Database.open(
            at: "/d", configuration: EngineConfiguration(), fileSystem: disk)
    }

    private static func create(_ database: Database) throws {
        try database.createCollection("c", CollectionConfiguration(dimension: 2, metric: .dot))
    }

    /// A creation that failed late took its files away before the name of their directory was
    /// durably gone: after a power loss a directory without a manifest was left.
    @Test("That fails at any call, with a power loss soon after, leaves a whole one or none")
    func failureAndPowerLoss() throws {
        let counted = SimulatedFileSystem(directories: ["/d"])
        let database = try Self.open(counted)
        let start = counted.controls.callCount
        try Self.create(database)
        let calls = counted.controls.callCount - start
        try database.close()
        for failing in 0..<calls {
            for crashing in failing...(calls + 12) {
                let seed = UInt64(failing * 100 + crashing)
                let disk = SimulatedFileSystem(directories: ["/d"], seed: seed)
                let database = try Self.open(disk)
                // Each call fails, or none; the power goes at each later one.
                disk.change {
                    $0.faults = [.init(nil, afterCalls: failing, count: 1)]
                    $0.crashingCall = $0.callCount + crashing
                }
                try? Self.create(database)
                try? Self.create(database)
                for loss in UInt64(0)..<12 {
                    let next = try Self.open(
                        disk.afterPowerLoss(.losesSome(seed: seed * 100 + loss)))
                    let place = "failure at \(failing), crash at \(crashing)"
                    if next.hasCollection("c") {
                        let count = try? next.collection("c").count()
                        #expect(count == 0, "\(place)")
                    } else {
                        #expect(throws: Never.self, "\(place)") { try Self.create(next) }
                    }
                    try next.close()
                }
                try? database.close()
            }
        }
    }
}
