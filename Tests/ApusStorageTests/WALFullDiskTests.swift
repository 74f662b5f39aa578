import ApusCore
import ApusStorage
import TestSupport
import Testing

/// A disk without room refuses single batches, and nothing else.
@Suite struct WALFullDiskTests {
    private func open(
        _ disk: LogDisk, after: UInt64 = 0, mustExist: Bool = true
    ) throws -> (log: WriteAheadLog, recovery: WriteAheadLog.Recovery, replayed: [UInt64]) {
        try openLog(disk, after: after) {
            $0.fileByteCountMax = 400
            $0.allocationByteCountMin = 64
            $0.reserveByteCount = 200
            $0.mustExist = mustExist
        }
    }

    /// Appends until the disk is full; returns the last batch.
    private func fill(
        _ log: WriteAheadLog, mayUseReserve: Bool = false, atMost: Int = 1000
    ) throws -> UInt64 {
        for _ in 0..<atMost {
            let next = log.lastSequenceNumber.rawValue + 1
            do {
                _ = try log.append(batch(next), mayUseReserve: mayUseReserve)
            } catch {
                guard error.kind == .outOfSpace else { throw error }
                #expect(log.lastSequenceNumber.rawValue == next - 1, "nothing was numbered")
                break
            }
        }
        let last = log.lastSequenceNumber
        try log.waitUntilDurable(last)
        return last.rawValue
    }

    @Test func aFullDiskRefusesBatchesUntilThereIsRoom() throws {
        // Every capacity from where a log can be made at all.
        for capacity in stride(from: 40, to: 3000, by: 37) {
            let disk = LogDisk { $0.capacity = capacity }
            let (log, _, _) = try open(disk, mustExist: false)
            let first = try fill(log)
            #expect(log.failure == nil, "capacity \(capacity)")
            #expect(disk.files.usedByteCount <= capacity)
            let found = try openLog(disk.afterPowerLoss()).replayed
            #expect(found == Array(1..<(first + 1)))
            // There is room: the same log goes on.
            disk.files.change { $0.capacity = capacity + 2000 }
            let second = try fill(log)
            #expect(second > first, "capacity \(capacity)")
            try log.close()
            #expect(try openLog(disk.afterPowerLoss()).replayed == Array(1..<(second + 1)))
        }
    }

    @Test func deletionsHaveAReserve() throws {
        let disk = LogDisk { $0.capacity = 2000 }
        let (log, _, _) = try open(disk, mustExist: false)
        let full = try fill(log)
        for _ in 0..<3 {
            #expect(failure { _ = try log.append(batch(full + 1)) }?.kind == .outOfSpace)
        }
        // Some batches of some 40 bytes go into 200.
        let deletions = try fill(log, mayUseReserve: true) - full
        #expect((3...6).contains(deletions), "\(deletions)")
        #expect(failure { _ = try log.append(batch(1)) }?.kind == .outOfSpace)
        disk.files.change { $0.capacity = 2500 }
        #expect(try fill(log) > full + deletions)
        try log.close()
    }

    /// Each call that takes space fails for lack of it, alone or with all that follow.
    @Test(arguments: [1, Int.max]) func aCallThatFindsNoSpaceFailsNothingElse(
        _ count: Int
    ) throws {
        let kinds: [FileOperation] = [.create, .allocate, .rename]
        for kind in kinds {
            for passes in 0..<20 {
                let disk = LogDisk()
                let (log, _, _) = try open(disk, mustExist: false)
                disk.files.change {
                    $0.faults = [
                        .init(kind, kind: .outOfSpace, afterCalls: passes, count: count)
                    ]
                }
                var acknowledged = try fill(log, atMost: 60)
                #expect(log.failure == nil, "\(kind) \(passes)")
                log.rotate()
                acknowledged = try fill(log, atMost: 3)
                #expect(try openLog(disk.afterPowerLoss()).replayed.count == acknowledged)
                disk.files.change { $0.faults = [] }
                let last = try fill(log, atMost: 60)
                #expect(last == acknowledged + 60, "\(kind) \(passes)")
                try log.close()
                #expect(try openLog(disk).replayed == Array(1..<(last + 1)))
            }
        }
    }

    /// A refused allocation had left zeros in the file that no account knew of. When the file was
    /// ended to begin the next, they stayed, and the log did not open again.
    @Test func aRefusedAllocationLeavesNothingInTheFile() throws {
        for room in stride(from: 0, to: 200, by: 16) {
            let disk = LogDisk()
            let (first, _, _) = try open(disk, mustExist: false)
            try appendBatches(first, through: 3)
            try first.close()
            let (log, _, _) = try open(disk)
            let used = disk.files.usedByteCount
            disk.files.change { $0.capacity = used + room }
            #expect(failure { _ = try log.append(batch(4)) }?.kind == .outOfSpace, "room \(room)")
            disk.files.change { $0.capacity = nil }
            log.rotate()
            try appendBatches(log, through: 5)
            #expect(log.filePaths.count == 2, "room \(room)")
            #expect(try openLog(LogDisk(disk.files.afterKill())).replayed == Array(1...5))
            try log.close()
        }
    }

    /// What a refused allocation had left was cut off, and the cut not synced when the next file was
    /// begun: a power loss brought it back, and the log did not open again.
    @Test func aRefusedAllocationDoesNotComeBackWithAPowerLoss() throws {
        for room in stride(from: 0, to: 200, by: 8) {
            let disk = LogDisk()
            let (first, _, _) = try open(disk, mustExist: false)
            try appendBatches(first, through: 3)
            try first.close()
            let (log, _, _) = try open(disk)
            let used = disk.files.usedByteCount
            disk.files.change { $0.capacity = used + room }
            guard failure({ _ = try log.append(batch(4)) })?.kind == .outOfSpace else { continue }
            disk.files.change { $0.capacity = nil }
            // The next file is begun before anybody asks for space in the present one again.
            log.rotate()
            log.waitUntilRotated()
            #expect(log.filePaths.count == 2, "room \(room)")
            try appendBatches(log, through: 5)
            for seed in UInt64(0)..<40 {
                let lost = LogDisk(disk.files.afterPowerLoss(.losesSome(seed: seed)))
                #expect(try openLog(lost).replayed == Array(1...5), "room \(room) seed \(seed)")
            }
            try log.close()
        }
    }

    /// The next file had its name already when the sync of its directory found no space; batches
    /// then went to the file before, beyond the number that the next one starts with.
    @Test func aNameThatMayNotBeDurableEndsTheLog() throws {
        let disk = LogDisk()
        let (log, _, _) = try open(disk, mustExist: false)
        try appendBatches(log, through: 3)
        disk.files.change {
            $0.faults = [.init(.synchronizeDirectory, kind: .outOfSpace, count: 1)]
        }
        log.rotate()
        log.waitUntilRotated()
        #expect(failure { _ = try log.append(batch(4)) } != nil)
        #expect(failure { try log.close() } != nil)
        #expect(try openLog(LogDisk(disk.files.afterKill())).replayed == [1, 2, 3])
        #expect(try openLog(disk.afterPowerLoss()).replayed == [1, 2, 3])
    }

    /// Beginning the next file is a wish: when it cannot be made, out of file descriptors for
    /// example, nothing has happened to the present one.
    @Test(arguments: [FileOperation.create, .write, .allocate, .rename])
    func aFileGoesOnWhenTheNextCannotBeMade(_ operation: FileOperation) throws {
        let disk = LogDisk()
        let (log, _, _) = try open(disk, mustExist: false)
        try appendBatches(log, through: 3)
        disk.files.change { $0.faults = [.init(operation, on: ".tmp", kind: .io)] }
        log.rotate()
        log.waitUntilRotated()
        try appendBatches(log, through: 5)
        #expect(log.failure == nil)
        #expect(log.filePaths.count == 1)
        disk.files.change { $0.faults = [] }
        log.rotate()
        try appendBatches(log, through: 6)
        #expect(log.filePaths.count == 2)
        try log.close()
        #expect(try openLog(disk).replayed == Array(1...6))
    }

    @Test func aFileGoesOnWhenThereIsNoSpaceForTheNext() throws {
        let disk = LogDisk()
        let (log, _, _) = try open(disk, mustExist: false)
        disk.files.change { $0.faults = [.init(.create, kind: .outOfSpace)] }
        #expect(try fill(log, atMost: 100) == 100)
        #expect(log.filePaths.count == 1)
        #expect(try disk.names().count == 1)
        disk.files.change { $0.faults = [] }
        #expect(try fill(log, atMost: 10) == 110)
        #expect(log.filePaths.count > 1)
        try log.close()
        #expect(try openLog(disk).replayed.count == 110)
    }

    @Test func aLogIsOpenedOnAFullDisk() throws {
        let disk = LogDisk()
        let (log, _, _) = try open(disk, mustExist: false)
        try appendBatches(log, through: 20)
        // As a crash leaves it, without a mark at its end; and as segments that are ahead leave it.
        for after in [UInt64(0), 10, 30] {
            let full = disk.afterPowerLoss()
            full.files.change { $0.capacity = 0 }
            let (again, _, replayed) = try open(full, after: after)
            #expect(replayed == (after < 20 ? Array((after + 1)..<21) : []))
            #expect(failure { _ = try again.append([1]) }?.kind == .outOfSpace)
            full.files.change { $0.capacity = nil }
            let next = max(after, 20) + 1
            try appendBatches(again, through: next)
            try again.close()
            #expect(try open(full, after: after).replayed.last == next)
        }
        try log.close()
    }

    @Test func aWriteThatFailsIsFinal() throws {
        let disk = LogDisk()
        let (log, _, _) = try open(disk, mustExist: false)
        try appendBatches(log, through: 3)
        disk.files.change { $0.faults = [.init(.write, count: 1)] }
        _ = try log.append(batch(4))
        #expect(failure { try log.waitUntilDurable(SequenceNumber(4)) }?.kind == .io)
        #expect(failure { _ = try log.append(batch(5)) }?.kind == .io)
        #expect(failure { try log.close() }?.kind == .io)
        for seed in UInt64(0)..<20 {
            let found = try openLog(disk.afterPowerLoss(.losesSome(seed: seed))).replayed
            #expect(found == [1, 2, 3] || found == [1, 2, 3, 4])
        }
    }

    @Test func spaceIsAllocatedAheadAndCutAtTheEnd() throws {
        let disk = LogDisk()
        // A log that rests gives its space back, too: not this one, however slow the machine is.
        let (log, _, _) = try openLog(disk) { $0.idleMillisecondsMax = 3_600_000 }
        #expect(try disk.read(firstFile).count == 40, "nothing before the first batch")
        try appendBatches(log, through: 1)
        let small = try disk.read(firstFile).count
        #expect(small > 100 << 10 && small < 256 << 10)
        var generator = SeededGenerator(seed: 1)
        let large = (0..<(1 << 20)).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for _ in 0..<4 { try log.waitUntilDurable(log.append(large)) }
        // Space ahead is taken behind the acknowledgement, and before the next one.
        try appendBatches(log, through: 6)
        #expect(try disk.read(firstFile).count > 6 << 20)
        let allocations = disk.files.count(of: .allocate)
        #expect(allocations < 12)
        try log.close()
        #expect(try disk.describe(firstFile).tailByteCount == 0)
        #expect(try disk.read(firstFile).count < (4 << 20) + 1000)
    }

    @Test func manyLogsTakeLittle() throws {
        let files = SimulatedFileSystem(directories: ["/db"])
        let logs = try (0..<200).map { try openLog("/db/\($0)", fileSystem: files).log }
        #expect(files.usedByteCount == 200 * 40)
        for log in logs { try appendBatches(log, through: 1) }
        #expect(files.usedByteCount < 200 * (256 << 10))
        for log in logs { try log.close() }
        #expect(files.usedByteCount < 200 * 200)
    }
}
