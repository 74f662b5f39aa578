import ApusCore
import ApusStorage
import TestSupport
import Testing

/// A log on a machine that stops at any moment: every batch that was acknowledged is there again,
/// the others are there as a whole or not at all, and the order has no gap.
@Suite struct WALSurvivalTests {
    /// What a process knew when it ended.
    private struct Knowledge {
        var appended: UInt64 = 0
        var acknowledged: UInt64 = 0
        /// Through which batch everything is in segments.
        var flushed: UInt64 = 0
    }

    /// Single batches and groups, files that fill up, rotation, removal of files, closing, opening.
    private func history(_ disk: LogDisk, _ known: inout Knowledge) throws {
        for round in UInt64(0)..<2 {
            let (log, _, _) = try openLog(disk, after: known.flushed) {
                $0.fileByteCountMax = 220
                $0.allocationByteCountMin = 64
                $0.reserveByteCount = 100
            }
            for last in [1, 2, 5, 6, 9].map({ round * 9 + $0 }) {
                while known.appended < last {
                    known.appended += 1
                    _ = try log.append(batch(known.appended))
                }
                try log.waitUntilDurable(SequenceNumber(last))
                known.acknowledged = last
                if last % 3 == 0 { log.rotate() }
            }
            known.flushed = round * 9 + 4
            try log.removeFiles(through: SequenceNumber(known.flushed))
            try log.close()
        }
    }

    /// Opens the log as the next start does, and goes on with it.
    private func check(_ disk: LogDisk, _ known: Knowledge, _ place: String) throws {
        let (log, _, replayed) = try openLog(disk, after: known.flushed)
        let last = known.flushed + UInt64(replayed.count)
        #expect(replayed == Array((known.flushed + 1)..<(last + 1)), "\(place)")
        #expect((known.acknowledged...known.appended).contains(last), "\(place)")
        try appendBatches(log, through: last + 2, oneByOne: false)
        let crashed = disk.afterPowerLoss()
        #expect(try openLog(crashed, after: known.flushed).replayed.last == last + 2, "\(place)")
        try log.close()
        #expect(try openLog(disk, after: known.flushed).replayed.last == last + 2, "\(place)")
    }

    @Test func aStopAtAnyCallLosesNothingAcknowledged() throws {
        var call = 0
        while true {
            let disk = LogDisk { $0.crashingCall = call }
            var known = Knowledge()
            _ = failure { try history(disk, &known) }
            let place = "call \(call): \(disk.files.controls.lastChange)"
            try check(LogDisk(disk.files.afterKill()), known, "\(place), killed")
            try check(disk.afterPowerLoss(), known, "\(place), everything unsynced lost")
            for seed in UInt64(0)..<12 {
                let found = disk.afterPowerLoss(.losesSome(seed: seed))
                try check(found, known, "\(place), power loss \(seed)")
            }
            if !disk.files.hasCrashed { break }
            call += 1
        }
        #expect(call > 60)
    }

    /// The power goes a second time while the log is being opened after the first.
    @Test func aStopDuringRecoveryLosesNothingAcknowledged() throws {
        for seed in UInt64(0)..<40 {
            let disk = LogDisk { $0.crashingCall = 20 + Int(seed) }
            var known = Knowledge()
            _ = failure { try history(disk, &known) }
            let first = disk.afterPowerLoss(.losesSome(seed: seed))
            var call = 0
            while true {
                let second = LogDisk(first.files.afterKill())
                second.files.change { $0.crashingCall = call }
                let error = failure {
                    try openLog(second, after: known.flushed).log.close()
                }
                let found = second.afterPowerLoss(.losesSome(seed: seed &+ 1000))
                try check(found, known, "seed \(seed), call \(call) of the recovery")
                if error == nil { break }
                call += 1
            }
        }
    }

    /// The size of the file reached the disk, and of the bytes only those before some place.
    @Test func aLogThatIsZeroFromAnyByteOnKeepsEveryWholeRecord() throws {
        let whole = try crashedLog(count: 5)
        let disk = LogDisk()
        try disk.write(whole, to: firstFile)
        let records = try disk.describe(firstFile).records.filter { $0.header.type == .batch }
        // The header is durable before any record is written.
        for length in 40...whole.count {
            let bytes = whole[..<length] + [UInt8](repeating: 0, count: 2000)
            let found = LogDisk()
            try found.write(bytes, to: firstFile)
            let (log, _, replayed) = try openLog(found)
            // A record may end in zeros of its own.
            let least = records.filter {
                $0.offset + 32 + $0.header.storedByteCount <= length
            }.count
            #expect(replayed.count >= least && replayed.count <= least + 1, "from byte \(length)")
            try log.close()
        }
    }

    @Test func aDamagedRecordInTheMiddleIsToldWithItsPlaceAndTheWayOut() throws {
        let disk = LogDisk()
        let whole = try closedLog(count: 5)
        try disk.write(whole, to: firstFile)
        let third = try #require(
            try disk.describe(firstFile).records.first { $0.header.sequenceNumber.rawValue == 3 })
        try disk.files.flip(bit: 2, ofByte: third.offset + 33, in: disk.file(firstFile))
        let error = try #require(failure { _ = try openLog(disk) })
        #expect(error.kind == .corrupt && error.path == disk.file(firstFile))
        #expect(error.offset == UInt64(third.offset))
        #expect(error.message.contains("sequence number 3"))
        #expect(error.message.contains("apus repair"))
        #expect(
            try disk.files.bytes(of: disk.file(firstFile)).count == whole.count, "nothing is cut")
    }

    @Test func aMissingFileIsToldWithTheWayOut() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk) { $0.fileByteCountMax = 100 }
        try appendBatches(log, through: 9)
        try log.close()
        let names = try disk.names()
        #expect(names.count > 3)
        for name in names.dropLast() {
            let damaged = LogDisk(disk.files.afterKill())
            try damaged.files.remove(damaged.file(name))
            let error = try #require(failure { _ = try openLog(damaged) })
            #expect(error.kind == .corrupt && error.message.contains("apus repair"), "\(error)")
        }
        let empty = LogDisk()
        let error = failure { _ = try openLog(empty) { $0.mustExist = true } }
        #expect(error?.message.contains("apus repair") == true)
    }

    /// A mark says that the batches before it were on disk. If they are not there, the disk has
    /// lied or lost them: that is no torn tail.
    @Test func aMarkThatIsThereWithoutItsBatchesIsCorruption() throws {
        let whole = try closedLog(count: 4)
        let disk = LogDisk()
        try disk.write(whole, to: firstFile)
        let records = try disk.describe(firstFile).records
        for record in records where record.header.type == .batch {
            var bytes = whole
            for place in record.offset..<(record.offset + 32 + record.header.storedByteCount) {
                bytes[place] = 0
            }
            let found = LogDisk()
            try found.write(bytes, to: firstFile)
            let error = try #require(failure { _ = try openLog(found) })
            #expect(error.kind == .corrupt && error.offset == UInt64(record.offset))
        }
    }

    @Test func filesWhoseCreationWasCutOffAreRemoved() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        try appendBatches(log, through: 3)
        try log.close()
        let draft = FileName.wal(firstSequenceNumber: SequenceNumber(4))
        try disk.write([1, 2, 3], to: draft + ".tmp")
        try disk.write([1, 2, 3], to: "notes.txt")
        // As writers that did without a temporary name left it: the name is there, the bytes not.
        for bytes in [[], [UInt8](repeating: 0, count: 40), [65, 80]] {
            try disk.write(bytes, to: draft)
            let (again, _, replayed) = try openLog(disk)
            #expect(replayed == [1, 2, 3])
            try again.close()
        }
        let (again, _, _) = try openLog(disk)
        try again.close()
        #expect(try disk.names().filter { $0.hasSuffix(".tmp") }.isEmpty)
        #expect(try disk.names().contains("notes.txt"))
    }

    /// After a failed sync nobody knows what is on disk: nothing more is acknowledged, the sync is
    /// not repeated, and the next start finds at least what was acknowledged.
    @Test func aFailedSyncIsFinalUntilTheNextStart() throws {
        for sync in 0..<5 {
            let disk = LogDisk()
            var known = Knowledge()
            let (log, _, _) = try openLog(disk)
            let fault = SimulatedFileSystem.Fault(.synchronize, afterCalls: sync, count: 1)
            disk.files.change { $0.faults = [fault] }
            let error = failure {
                for number in UInt64(1)...10 {
                    known.appended = number
                    _ = try log.append(batch(number))
                    try log.waitUntilDurable(SequenceNumber(number))
                    known.acknowledged = number
                }
            }
            #expect(error?.kind == .io && known.acknowledged < 10)
            let syncs = disk.files.count(of: .synchronize)
            #expect(failure { _ = try log.append(batch(1)) }?.kind == .io)
            #expect(failure { try log.close() }?.kind == .io)
            #expect(disk.files.count(of: .synchronize) == syncs)
            for seed in UInt64(0)..<20 {
                try check(disk.afterPowerLoss(.losesSome(seed: seed)), known, "sync \(sync)")
            }
            try check(LogDisk(disk.files.afterKill()), known, "sync \(sync), killed")
        }
    }

    @Test func aSecondProcessIsRefused() throws {
        let disk = LogDisk()
        let lock = try DirectoryLock(fileSystem: disk.files, directory: disk.path)
        let error = failure {
            _ = try DirectoryLock(fileSystem: disk.files, directory: disk.path)
        }
        #expect(error?.kind == .locked && error?.path == disk.path)
        // The lock goes with its holder, however that ends.
        let next = disk.files.afterKill()
        _ = try DirectoryLock(fileSystem: next, directory: disk.path)
        lock.release()
    }
}
