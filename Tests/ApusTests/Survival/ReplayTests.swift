import Apus
import ApusStorage
import TestSupport
import Testing

/// Replaying the log: again, from every checkpoint, and after batches that were sent again.
@Suite("Replay")
struct ReplayTests {
    private static func write(_ changes: [Change]) -> Step {
        .write(collection: "a", changes: changes, waits: true)
    }

    /// Changes that depend on what is there: their replay must not.
    private static let dependent: [Step] = [
        write([.upsert((0..<10).map { Draft(id: $0, salt: 2) })]),
        write([.delete(.matching(.numberBelow(6)))]),
        write([.setPayload(salt: 8, at: nil, .matching(.colour("green")))]),
        write([.upsert((2..<6).map { Draft(id: $0, salt: 5) })]),
        write([.updateVectors([Draft(id: 3, salt: 6)]), .delete(.matching(.lacks(key: "n")))]),
        write([.overwritePayload(salt: 3, .matching(.not(.colour("blue"))))]),
        write([.deletePayload(keys: ["colour"], .matching(.numberBelow(15)))]),
        write([.deleteVectors(fields: ["words"], .matching(.hasVector("words")))]),
        write([.delete(.matching(.both(.lacks(key: "colour"), .numberBelow(3))))]),
    ]

    private static let settings = History.Settings(
        seed: 1, segmentRowsMax: 32, sealOnCloseRowsMin: 1_000, isDrained: false)

    @Test(
        "(11) Replay after deletes by filter and partial updates, from every checkpoint, twice"
    )
    func replayFromEveryCheckpoint() throws {
        for shape in [1, 2] {
            for checkpoint in 0...Self.dependent.count {
                for crash in [Step.Crash.kill, .powerLoss] {
                    var steps = Self.dependent
                    steps.insert(.seal(collection: "a"), at: checkpoint)
                    // The first start replays; the second one replays the same again, and the
                    // third finds what an orderly close left.
                    steps += [.crash(crash, afterCalls: 0), .seal(collection: "a")]
                    steps += [.verify, .crash(crash, afterCalls: 1), .reopen, .verify, .reopen]
                    let history = History(
                        settings: Self.settings,
                        steps: [.create(collection: "a", shape: shape)] + steps)
                    do {
                        _ = try HistoryRun.run(history, world: SimulatedWorld(seed: 3))
                    } catch {
                        Issue.record("checkpoint \(checkpoint), \(crash): \(error)")
                        return
                    }
                }
            }
        }
    }

    @Test("(20) A batch that is sent twice is there once")
    func batchSentTwice() throws {
        for shape in [0, 1] {
            // Every write is sent again, at once and after a start.
            var steps: [Step] = [.create(collection: "a", shape: shape)]
            for step in Self.dependent where !(shape == 0 && step == Self.dependent[7]) {
                steps += [step, step]
            }
            steps += [.verify, .reopen] + Self.dependent.prefix(4)
            steps += [.crash(.kill, afterCalls: 0), .seal(collection: "a"), .verify]
            _ = try HistoryRun.run(
                History(settings: Self.settings, steps: steps), world: SimulatedWorld(seed: 1))
        }
        let disk = SimulatedFileSystem(directories: ["/disk"])
        let database = try Database.open(
            at: "/disk/d", configuration: EngineConfiguration(), fileSystem: disk)
        let points = try database.createCollection(
            "c", CollectionConfiguration(dimension: 2, metric: .euclid))
        for _ in 0..<3 {
            try points.upsert((0..<5).map { Point(id: .number($0), vector: [1, 2]) })
        }
        #expect(try points.count() == 5)
        #expect(try points.query(QueryRequest(nearest: [1, 2], limit: 50)).count == 5)
        try database.close()
    }

    @Test("(20) A clock that jumps back and forth changes nothing: batches have numbers")
    func clockThatJumps() throws {
        let clock = Monitor<UInt64>(0)
        var disk = SimulatedFileSystem(directories: ["/disk"])
        var expected: [UInt64: Int64] = [:]
        let times: [UInt64] = [
            1_800_000_000_000, 5, 1_800_000_000_001, .max, 0, 1_700_000_000_000, .max - 1, 7,
        ]
        for (number, time) in times.enumerated() {
            clock.withLock { $0 = time }
            let database = try Database.open(
                at: "/disk/d", configuration: EngineConfiguration(), fileSystem: disk,
                now: { clock.withLock { $0 } })
            if number == 0 {
                try database.createCollection(
                    "c", CollectionConfiguration(dimension: 2, metric: .euclid))
            }
            let points = try database.collection("c")
            for (id, value) in expected {
                #expect(
                    try points.retrieve([.number(id)]).first?.payload == ["v": .integer(value)])
            }
            #expect(try points.count() == expected.count)
            // The clock also jumps between batches of one process; the last batch wins.
            for round in 0..<3 {
                clock.withLock { $0 = round == 1 ? time / 2 : time }
                let value = Int64(number * 10 + round)
                let id = UInt64(round == 2 ? 100 + number : 1)
                try points.upsert([
                    Point(id: .number(id), vector: [1, 1], payload: ["v": .integer(value)])
                ])
                expected[id] = value
            }
            if number % 2 == 0 { try points.seal() }
            if number % 3 == 0 {
                disk = disk.afterPowerLoss(.losesEverythingUnsynced)
                try? database.close()
            } else {
                try database.close()
            }
        }
    }
}
