import ApusCore
import ApusStorage
import Synchronization
import TestSupport
import Testing

@Suite struct WALDurabilityTests {
    private let hour = WriteAheadLog.Durability.async(maxDelayMilliseconds: 3_600_000)

    private func waitUntilCommitted(_ log: WriteAheadLog, _ lsn: SequenceNumber) throws {
        let outcome = Monitor<Result<Void, StorageError>?>(nil)
        log.whenCommitted(lsn) { result in
            outcome.withLock { $0 = result }
            outcome.notifyAll()
        }
        try outcome.wait { $0 }.get()
    }

    @Test func asyncBatchesAreCommittedBeforeTheyAreSynced() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.durability = hour }
        let syncs = disk.files.count(of: .synchronize)
        for number in UInt64(1)...20 {
            try waitUntilCommitted(log, try log.append(batch(number)))
        }
        #expect(disk.files.count(of: .synchronize) == syncs)
        #expect(log.durableSequenceNumber == .zero)
        // The process may die; only the power must not go.
        #expect(try openLog(LogDisk(disk.files.afterKill())).replayed == Array(1...20))
        #expect(try openLog(disk.afterPowerLoss()).replayed.isEmpty)
        for seed in UInt64(0)..<60 {
            let found = try openLog(disk.afterPowerLoss(.losesSome(seed: seed))).replayed
            #expect(found == Array(1..<(UInt64(found.count) + 1)))
        }
        try log.close()
        #expect(try openLog(disk.afterPowerLoss()).replayed == Array(1...20))
    }

    @Test func theSyncFollowsWhenNothingMoreArrives() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.durability = .async(maxDelayMilliseconds: 1) }
        let syncs = disk.files.count(of: .synchronize)
        try waitUntilCommitted(log, try log.append(batch(1)))
        disk.files.wait { $0.counts[.synchronize, default: 0] > syncs && $0.waitingSyncCount == 0 }
        #expect(try openLog(disk.afterPowerLoss()).replayed == [1])
        try log.close()
    }

    /// The delay was looked at only when nothing had arrived meanwhile.
    @Test func theSyncComesAlsoWhenWorkNeverEnds() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.durability = .async(maxDelayMilliseconds: 1) }
        let syncs = disk.files.count(of: .synchronize)
        let isDone = Monitor(false)
        // Each batch brings the next while the log's thread is at work.
        @Sendable func goOn(_ number: UInt64) {
            guard disk.files.count(of: .synchronize) == syncs, number < 5_000_000,
                let lsn = try? log.append(batch(number))
            else {
                isDone.withLock { $0 = true }
                return isDone.notifyAll()
            }
            log.whenCommitted(lsn) { _ in goOn(number + 1) }
        }
        goOn(1)
        isDone.wait { $0 ? () : nil }
        #expect(disk.files.count(of: .synchronize) > syncs)
        try log.close()
    }

    /// A failure took everything unsynced off the file, though it was acknowledged.
    @Test(arguments: [FileOperation.write, .synchronize])
    func whatWasAcknowledgedOutlivesALaterFailure(_ operation: FileOperation) throws {
        for setsSync in [false, true] {
            let disk = LogDisk()
            let (log, _, _) = try openLog(disk) { $0.durability = hour }
            for number in UInt64(1)...5 {
                try waitUntilCommitted(log, try log.append(batch(number)))
            }
            disk.files.change { $0.faults = [.init(operation, count: 1)] }
            if setsSync { log.durability = .sync }
            _ = try? log.append(batch(6))
            #expect(failure { try log.waitUntilDurable(log.lastSequenceNumber) }?.kind == .io)
            #expect(failure { try log.close() }?.kind == .io)
            // Nobody took the power or the process: the batches are still there.
            let found = try openLog(LogDisk(disk.files.afterKill())).replayed
            #expect(found == Array(1...5) || found == Array(1...6), "\(operation) \(setsSync)")
        }
    }

    @Test func whoAsksForTheDiskDoesNotWaitForTheDelay() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.durability = hour }
        try log.waitUntilDurable(try log.append(batch(1)))
        #expect(log.durableSequenceNumber.rawValue == 1)
        try waitUntilCommitted(log, try log.append(batch(2)))
        try log.waitUntilDurable(SequenceNumber(2))
        #expect(try openLog(disk.afterPowerLoss()).replayed == [1, 2])
        try log.close()
    }

    @Test func durabilityChangesWhileTheLogIsOpen() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        #expect(log.durability == .sync)
        log.durability = hour
        try waitUntilCommitted(log, try log.append(batch(1)))
        #expect(log.durableSequenceNumber == .zero)
        // What waits for its sync gets it now, and what comes is acknowledged when it is on disk.
        log.durability = .sync
        try waitUntilCommitted(log, try log.append(batch(2)))
        #expect(log.durableSequenceNumber.rawValue == 2)
        #expect(try openLog(disk.afterPowerLoss()).replayed == [1, 2])
        try log.close()
    }

    @Test func aSyncThatFailsLaterFailsTheLog() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.durability = hour }
        try waitUntilCommitted(log, try log.append(batch(1)))
        disk.files.change { $0.faults = [.init(.synchronize, count: 1)] }
        #expect(failure { try log.waitUntilDurable(SequenceNumber(1)) }?.kind == .io)
        #expect(failure { _ = try log.append(batch(2)) }?.kind == .io)
        #expect(failure { try log.close() }?.kind == .io)
    }

    /// The log's thread ends when there is nothing to do, and the next append starts another.
    @Test func aLogThatRestsGoesOn() throws {
        for mode in [WriteAheadLog.Durability.sync, .async(maxDelayMilliseconds: 0)] {
            let disk = LogDisk()
            let (log, _, _) = try openLog(disk) {
                $0.idleMillisecondsMax = 0
                $0.durability = mode
                $0.fileByteCountMax = 500
            }
            try appendBatches(log, through: 100)
            log.rotate()
            try appendBatches(log, through: 200, oneByOne: false)
            try log.close()
            #expect(failure { _ = try log.append(batch(1)) }?.kind == .closed)
            #expect(try openLog(disk).replayed == Array(1...200))
        }
    }

    @Test func completionsOfBothKindsComeInOrder() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        let seen = Monitor<(committed: [UInt64], durable: [UInt64])>(([], []))
        disk.files.change { $0.holdsSyncs = true }
        for number in UInt64(1)...50 { _ = try log.append(batch(number)) }
        // Asked for in another order than given out.
        for number in (UInt64(1)...50).reversed() {
            log.whenCommitted(SequenceNumber(number)) { _ in
                seen.withLock { $0.committed.append(number) }
                seen.notifyAll()
            }
            log.whenDurable(SequenceNumber(number)) { _ in
                seen.withLock { $0.durable.append(number) }
                seen.notifyAll()
            }
        }
        disk.files.change { $0.holdsSyncs = false }
        let all = Array(UInt64(1)...50)
        let (committed, durable) = seen.wait {
            $0.committed.count + $0.durable.count == 100 ? $0 : nil
        }
        #expect(committed == all && durable == all)
        try log.close()
    }

    @Test func aRotationIsDoneOnceItWasWaitedFor() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        for number in UInt64(1)...20 {
            try appendBatches(log, through: number)
            log.rotate()
            log.waitUntilRotated()
            #expect(log.filePaths.count == Int(number) + 1)
        }
        try log.close()
        log.rotate()
        log.waitUntilRotated()
    }
}
