import ApusStorage
import TestSupport

/// A machine in memory, whose power and processes end when a history says so.
final class SimulatedWorld: World {
    let root = "/disk/database"
    private var simulated: SimulatedFileSystem
    private var crash = Step.Crash.powerLoss
    private var next: (crash: Step.Crash, afterCalls: Int)?
    private var generator: SeededGenerator
    /// What the last process that ended in order used, and its calls until then.
    private var ended: (files: SimulatedFileSystem, callCount: Int)?

    init(seed: UInt64) {
        simulated = SimulatedFileSystem(directories: ["/disk"], seed: seed)
        generator = SeededGenerator(seed: seed)
    }

    var fileSystem: any FileSystem { simulated }
    /// Calls so far of the present process that change something.
    var callCount: Int { simulated.controls.callCount }
    var isDown: Bool { simulated.hasCrashed }
    var isFailing: Bool {
        let controls = simulated.controls
        return controls.capacity != nil || controls.faults.contains { $0.failCount > 0 }
    }

    func schedule(_ crash: Step.Crash, afterCalls: Int) {
        self.crash = crash
        simulated.change { $0.crashingCall = $0.callCount + afterCalls }
    }

    /// The next process will be ended like this, counted from its start.
    func scheduleNext(_ crash: Step.Crash, afterCalls: Int) { next = (crash, afterCalls) }

    func schedule(_ fault: Step.Fault, afterCalls: Int, calls: Int) {
        switch fault {
        case .inputOutput:
            simulated.change {
                $0.faults.append(.init(nil, kind: .io, afterCalls: afterCalls, count: calls))
            }
        case .outOfSpace:
            // The disk has room for a few more small writes.
            let capacity = simulated.usedByteCount + afterCalls * 64
            simulated.change { $0.capacity = capacity }
        }
    }

    func heal() {
        simulated.change {
            $0.faults = []
            $0.capacity = nil
            $0.crashingCall = nil
        }
    }

    func endProcess() throws(StillAtWork) {
        try checkEnded()
        let controls = simulated.controls
        ended = (simulated, controls.callCount)
        simulated = simulated.afterKill()
        simulated.change {
            $0.faults = controls.faults
            $0.capacity = controls.capacity
            $0.crashingCall = controls.crashingCall.map { $0 - controls.callCount }
        }
    }

    func checkEnded() throws(StillAtWork) {
        guard let (files, callCount) = ended else { return }
        let controls = files.controls
        guard controls.callCount == callCount else {
            throw StillAtWork(call: controls.lastChange)
        }
    }

    func restart() {
        switch crash {
        case .kill: simulated = simulated.afterKill()
        case .powerLoss:
            simulated = simulated.afterPowerLoss(
                Int.random(in: 0..<4, using: &generator) == 0
                    ? .losesEverythingUnsynced : .losesSome(seed: generator.next()))
        }
        if let next { schedule(next.crash, afterCalls: next.afterCalls) }
        next = nil
    }
}
