import Testing

/// One small history, ended or disturbed at each of its file-system calls in turn. It seals twice,
/// deletes by filter, updates in part, drops a collection and makes it again.
@Suite("Every call")
struct EveryCallTests {
    static let history = History(
        settings: History.Settings(
            seed: 1, segmentRowsMax: 32, sealOnCloseRowsMin: 3, isDrained: true),
        steps: [
            .create(collection: "a", shape: 1),
            write([.upsert((0..<8).map { Draft(id: $0, salt: 1) })]),
            write([
                .setPayload(salt: 5, at: "nested", .matching(.numberBelow(12))),
                .updateVectors([Draft(id: 2, salt: 3)]),
            ]),
            .seal(collection: "a"),
            write([.delete(.matching(.colour("red"))), .upsert([Draft(id: 3, salt: 9)])]),
            write([.deleteVectors(fields: ["inner"], .matching(.hasVector("words")))]),
            .configure(collection: "a", salt: 3),
            write([.upsert([Draft(id: 9, salt: 4), Draft(id: 14, salt: 4)])]),
            .seal(collection: "a"),
            write([.delete(.ids([9, 2])), .clearPayload(.matching(.everything))]),
            .drop(collection: "a"),
            .create(collection: "a", shape: 0),
            write([.upsert([Draft(id: 1, salt: 1)])]),
            .reopen,
            write([.upsert([Draft(id: 2, salt: 2)])]),
        ])

    private static func write(_ changes: [Change]) -> Step {
        .write(collection: "a", changes: changes, waits: true)
    }

    /// The calls of the whole history that change something.
    private static func callCount() throws -> Int {
        let world = SimulatedWorld(seed: 1)
        _ = try HistoryRun.run(history, world: world)
        return world.callCount
    }

    private func crash(_ crash: Step.Crash, seeds: Range<UInt64>) throws {
        for call in 0..<(try Self.callCount()) {
            for seed in seeds {
                let world = SimulatedWorld(seed: seed)
                world.schedule(crash, afterCalls: call)
                do {
                    let done = try HistoryRun.run(Self.history, world: world)
                    #expect(done.crashes <= 1)
                } catch {
                    Issue.record("\(crash) at call \(call), seed \(seed): \(error)")
                    return
                }
            }
        }
    }

    @Test("(1) SIGKILL at every call: acknowledged batches are there, others whole or not")
    func kill() throws { try crash(.kill, seeds: 1..<2) }

    @Test("(2) Power loss at every call: acknowledged batches are there, others whole or not")
    func powerLoss() throws { try crash(.powerLoss, seeds: 1..<5) }

    @Test("(8) SIGKILL at every call, then power loss during the next start or soon after")
    func killThenPowerLoss() throws {
        for call in 0..<(try Self.callCount()) {
            for later in [0, 1, 2, 3, 5, 8, 12] {
                let world = SimulatedWorld(seed: UInt64(call * 31 + later))
                world.schedule(.kill, afterCalls: call)
                world.scheduleNext(.powerLoss, afterCalls: later)
                do {
                    _ = try HistoryRun.run(Self.history, world: world)
                } catch {
                    Issue.record("SIGKILL at call \(call), power loss \(later) later: \(error)")
                    return
                }
            }
        }
    }

    @Test("(6) An I/O error at every call: what was acknowledged is there after opening again")
    func inputOutputError() throws {
        for call in 0..<(try Self.callCount()) {
            let world = SimulatedWorld(seed: UInt64(call))
            world.schedule(.inputOutput, afterCalls: call, calls: 1)
            do {
                _ = try HistoryRun.run(Self.history, world: world)
            } catch {
                Issue.record("I/O error at call \(call): \(error)")
                return
            }
        }
    }

    @Test("(7) A disk that is full at every size: reads go on, what was acknowledged stays")
    func outOfSpace() throws {
        for room in stride(from: 0, to: 400, by: 3) {
            for heals in [false, true] {
                let world = SimulatedWorld(seed: UInt64(room))
                world.schedule(.outOfSpace, afterCalls: room, calls: 1)
                var history = Self.history
                if heals { history.steps.insert(.heal, at: 7) }
                do {
                    _ = try HistoryRun.run(history, world: world)
                } catch {
                    Issue.record("room \(room), heals \(heals): \(error)")
                    return
                }
            }
        }
    }

    @Test("(8) Power loss after an I/O error, at calls chosen by chance")
    func errorThenPowerLoss() throws {
        let count = try Self.callCount()
        for seed in 0..<UInt64(300) {
            var history = Self.history
            let step = Int(seed % UInt64(history.steps.count))
            history.steps.insert(
                .crash(.powerLoss, afterCalls: Int(seed / 7) % 40), at: step)
            let world = SimulatedWorld(seed: seed)
            world.schedule(.inputOutput, afterCalls: Int(seed) * 7 % count, calls: 1)
            do {
                _ = try HistoryRun.run(history, world: world)
            } catch {
                Issue.record("seed \(seed): \(error)")
                return
            }
        }
    }
}
