import ApusCore
import ApusStorage
import Foundation
import Synchronization
import TestSupport
import Testing

@Suite struct WALWritingTests {
    @Test func manyThreadsShareSyncsAndCompleteInOrder() throws {
        let disk = LogDisk()
        let files = disk.files
        let (log, _, _) = try openLog(disk)
        let syncsBefore = files.count(of: .synchronize)
        files.change { $0.holdsSyncs = true }
        let completed = Monitor<[UInt64]>([])
        let total = 400
        // Numbers are given out under one lock so that batch n holds batch(n).
        let order = Mutex(())
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<(total / 8) {
                do {
                    let lsn = try order.withLock { _ in
                        try log.append(batch(log.lastSequenceNumber.rawValue + 1))
                    }
                    log.whenDurable(lsn) { result in
                        if case .failure(let error) = result { Issue.record("\(error)") }
                        completed.withLock { $0.append(lsn.rawValue) }
                        completed.notifyAll()
                    }
                } catch {
                    Issue.record("\(error)")
                }
            }
        }
        #expect(completed.withLock { $0.isEmpty }, "nothing is durable while the disk waits")
        files.change { $0.holdsSyncs = false }
        let inOrder = completed.wait { $0.count == total ? $0 : nil }
        #expect(inOrder == inOrder.sorted())
        // The first group waited; everything that came meanwhile is the second.
        #expect(files.count(of: .synchronize) - syncsBefore <= 2)
        try log.close()
        #expect(try openLog(disk).replayed == Array(1...UInt64(total)))
    }

    @Test func anAlreadyDurableBatchCompletesAtOnce() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        try appendBatches(log, through: 2)
        let calls = Mutex(0)
        log.whenDurable(SequenceNumber(1)) { _ in calls.withLock { $0 += 1 } }
        log.whenDurable(.zero) { _ in calls.withLock { $0 += 1 } }
        try log.close()
        log.whenDurable(SequenceNumber(2)) { _ in calls.withLock { $0 += 1 } }
        #expect(calls.withLock { $0 } == 3)
    }

    @Test func aClosedLogTakesNothing() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        try appendBatches(log, through: 1)
        try log.close()
        try log.close()
        #expect(failure { _ = try log.append([1]) }?.kind == .closed)
        try log.waitUntilDurable(SequenceNumber(1))
    }

    @Test func closingWritesWhatIsPending() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        for number in UInt64(1)...50 { _ = try log.append(batch(number)) }
        try log.close()
        #expect(try openLog(disk).replayed == Array(1...50))
    }

    @Test func openingAClosedLogDoesNotGrowIt() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        try appendBatches(log, through: 2)
        try log.close()
        let before = try disk.read(firstFile)
        for _ in 0..<3 { try openLog(disk).log.close() }
        #expect(try disk.read(firstFile) == before)
    }

    @Test func filesRotateBySizeAndGoWhenTheyAreFlushed() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.fileByteCountMax = 200 }
        try appendBatches(log, through: 40)
        #expect(log.filePaths.count > 5)
        #expect(
            log.filePaths.map { String($0.dropFirst(disk.path.count + 1)) }
                == (try disk.names()))
        try log.removeFiles(through: SequenceNumber(20))
        let (again, _, replayed) = try reopened(log, disk, after: 20)
        #expect(replayed == Array(21...40))
        try again.removeFiles(through: SequenceNumber(40))
        #expect(again.filePaths.count == 1)
        let (last, _, nothing) = try reopened(again, disk, after: 40)
        #expect(nothing.isEmpty)
        try appendBatches(last, through: 41)
        #expect(try reopened(last, disk, after: 40).replayed == [41])
    }

    private func reopened(
        _ log: WriteAheadLog, _ disk: LogDisk, after: UInt64
    ) throws -> (log: WriteAheadLog, recovery: WriteAheadLog.Recovery, replayed: [UInt64]) {
        try log.close()
        return try openLog(disk, after: after)
    }

    @Test func rotatingAnEmptyFileDoesNothing() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        for _ in 0..<3 { log.rotate() }
        try appendBatches(log, through: 1)
        for _ in 0..<3 { log.rotate() }
        try log.close()
        #expect(try disk.names().count == 2)
    }

    @Test func aFailedSyncFailsTheLogForGood() throws {
        let disk = LogDisk()
        let files = disk.files
        let (log, _, _) = try openLog(disk)
        try appendBatches(log, through: 3)
        files.change { $0.faults = [.init(.synchronize, count: 1)] }
        let results = Monitor<[UInt64: Bool]>([:])
        let lsn = try log.append(batch(4))
        log.whenDurable(lsn) { result in
            results.withLock { $0[4] = (try? result.get()) != nil }
            results.notifyAll()
        }
        #expect(results.wait { $0[4] } == false)
        let syncs = files.count(of: .synchronize)
        #expect(failure { _ = try log.append(batch(5)) }?.kind == .io)
        #expect(failure { try log.waitUntilDurable(lsn) }?.kind == .io)
        #expect(failure { try log.close() }?.kind == .io)
        try log.waitUntilDurable(SequenceNumber(3))
        #expect(files.count(of: .synchronize) == syncs, "a failed sync is not repeated")
        #expect(try openLog(disk).replayed.starts(with: [1, 2, 3]))
    }

    /// Fails each call that changes the disk, one after the other, while a log is opened, filled,
    /// rotated and closed: what was reported durable is always there again.
    @Test func aFailureOfAnyCallLosesNothingThatWasReported() throws {
        var call = 0
        while true {
            let disk = LogDisk { $0.faults = [.init(nil, afterCalls: call, count: 1)] }
            var durable: UInt64 = 0
            let error = failure {
                let (log, _, _) = try openLog(disk)
                for number in UInt64(1)...6 {
                    let lsn = try log.append(batch(number))
                    try log.waitUntilDurable(lsn)
                    durable = number
                    if number % 2 == 0 { log.rotate() }
                }
                try log.close()
            }
            if disk.files.controls.callCount <= call { break }
            let (log, _, replayed) = try openLog(disk)
            #expect(replayed.count >= Int(durable) && replayed.count <= Int(durable) + 1)
            #expect(replayed == Array(1..<(UInt64(replayed.count) + 1)))
            try log.close()
            #expect(error != nil || durable == 6)
            call += 1
        }
        #expect(call > 15)
    }

    @Test func appendsWaitForTheDiskWhenTooMuchIsPending() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.pendingByteCountMax = 100 }
        // Small bound: appends wait for the disk instead of piling up.
        for number in UInt64(1)...200 { _ = try log.append(batch(number)) }
        try log.close()
        #expect(try openLog(disk).replayed.count == 200)
    }
}
