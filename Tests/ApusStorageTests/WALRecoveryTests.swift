import ApusCore
import ApusStorage
import TestSupport
import Testing

@Suite struct WALRecoveryTests {
    @Test func replaysWhatComesAfterTheGivenNumber() throws {
        let disk = LogDisk()
        let (log, recovery, replayed) = try openLog(disk)
        #expect(replayed.isEmpty && recovery.lastSequenceNumber == .zero)
        try appendBatches(log, through: 10)
        try log.close()
        for after in UInt64(0)...10 {
            let (again, recovery, replayed) = try openLog(disk, after: after)
            #expect(replayed == Array((after + 1)..<11))
            #expect(recovery.lastSequenceNumber.rawValue == 10)
            #expect(recovery.tornByteCount == 0)
            #expect(again.durableSequenceNumber.rawValue == 10)
            try again.close()
        }
    }

    @Test func compressedBatchesComeBack() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        let text = Array(repeatElement(Array("abcdefgh".utf8), count: 10_000).joined())
        _ = try log.append(text)
        _ = try log.append([])
        try log.close()
        var seen: [[UInt8]] = []
        let (again, _) = unsafe try WriteAheadLog.open(
            fileSystem: disk.files, directory: disk.path, after: .zero,
            options: .init(logID: testLogID)
        ) { _, bytes in unsafe seen.append(Array(bytes)) }
        try again.close()
        #expect(seen == [text, []])
        #expect(try disk.read(firstFile).count < 2000)
    }

    @Test func aLogCutAtAnyByteKeepsEveryWholeRecord() throws {
        let whole = try crashedLog(count: 6)
        let disk = LogDisk()
        try disk.write(whole, to: firstFile)
        let records = try disk.describe(firstFile).records
        #expect(records.filter { $0.header.type == .batch }.count == 6)
        for length in 0...whole.count {
            try disk.clear()
            try disk.write(whole[..<length], to: firstFile)
            let expected = records.filter { record in
                record.header.type == .batch
                    && record.offset + 32 + record.header.storedByteCount <= length
            }.count
            let (log, recovery, replayed) = try openLog(disk)
            #expect(replayed.count == expected, "cut at \(length)")
            #expect((recovery.tornByteCount > 0) == !isBoundary(length, of: records))
            // The log goes on where the valid records end.
            try appendBatches(log, through: UInt64(expected) + 1)
            try log.close()
            let (again, second, both) = try openLog(disk)
            #expect(both.count == expected + 1 && second.tornByteCount == 0)
            try again.close()
        }
    }

    private func isBoundary(_ length: Int, of records: [WALDescription.Record]) -> Bool {
        length == 0 || length == 40
            || records.contains { $0.offset + 32 + $0.header.storedByteCount == length }
    }

    @Test func aBitFlippedAnywhereInAClosedLogIsFound() throws {
        let whole = try closedLog(count: 4)
        let disk = LogDisk()
        // The last record only marks that the batches are on disk; losing it loses nothing.
        let end = whole.count - 32
        for byte in whole.indices {
            for bit in [0, 3, 7] {
                try disk.clear()
                try disk.write(whole.flipping(bit: bit, of: byte), to: firstFile)
                let error = failure {
                    let (log, recovery, replayed) = try openLog(disk)
                    #expect(replayed == [1, 2, 3, 4] && recovery.tornByteCount > 0)
                    try log.close()
                }
                let expected: [StorageError.Kind?] =
                    byte < end
                    ? (byte == 4 || byte == 5 ? [.newerFormat, .corrupt] : [.corrupt]) : [nil]
                #expect(expected.contains(error?.kind), "bit \(bit) of byte \(byte)")
            }
        }
    }

    /// Zeros behind the records are space that was allocated ahead, or what a disk left of a group
    /// whose bytes it lost: no torn record, and no part of the log that goes on.
    @Test func zerosAfterTheLastRecordAreCutOff() throws {
        let whole = try crashedLog(count: 3)
        let disk = LogDisk()
        for count in [1, 7, 31, 32, 33, 512, 4096, 100_000, 1 << 24] {
            try disk.clear()
            try disk.write(whole + [UInt8](repeating: 0, count: count), to: firstFile)
            let (log, recovery, replayed) = try openLog(disk)
            #expect(replayed == [1, 2, 3] && recovery.tornByteCount == 0)
            try log.close()
            #expect(try disk.read(firstFile).count == whole.count + 32)
            // One byte that is not zero makes it the remains of a record.
            let tail = [UInt8](repeating: 0, count: count - 1) + [7]
            try disk.write(whole + tail, to: firstFile)
            let (again, torn, same) = try openLog(disk)
            #expect(same == [1, 2, 3] && torn.tornByteCount == count)
            try again.close()
        }
    }

    /// A disk may keep any part of what was not synced: also the end of a group without its start.
    /// Nobody was told of that group, so the log opens without it.
    @Test func aTornGroupIsCutOffThoughItsLaterRecordsAreWhole() throws {
        let disk = LogDisk()
        let files = disk.files
        let (log, _, _) = try openLog(disk)
        try appendBatches(log, through: 1)
        files.change { $0.holdsSyncs = true }
        // The thread takes batch 2 and waits in its sync; the others make up the next group.
        _ = try log.append(batch(2))
        files.wait { $0.waitingSyncCount == 1 }
        for number in UInt64(3)...5 { _ = try log.append(batch(number)) }
        files.change { $0.holdsSyncs = false }
        try log.waitUntilDurable(SequenceNumber(5))
        let records = try disk.describe(firstFile).records
        let space = try disk.describe(firstFile).tailByteCount
        let bytes = try disk.read(firstFile).dropLast(space) as [UInt8]
        try log.close()
        let third = try #require(records.first { $0.header.sequenceNumber.rawValue == 3 })
        #expect(third.header.syncedThrough.rawValue == 2)
        let second = try #require(
            records.first { $0.header.sequenceNumber.rawValue == 2 && $0.header.type == .batch })

        try disk.write(bytes.flipping(bit: 0, of: third.offset + 33), to: firstFile)
        let (torn, recovery, replayed) = try openLog(disk)
        #expect(replayed == [1, 2] && recovery.tornByteCount == bytes.count - third.offset)
        try torn.close()

        // Batch 2 was on disk when the group of batch 3 was written: its damage is a loss.
        try disk.write(bytes.flipping(bit: 0, of: second.offset + 33), to: firstFile)
        let error = try #require(failure { _ = try openLog(disk) })
        #expect(error.kind == .corrupt && error.offset == UInt64(second.offset))
        #expect(error.message.contains("sequence number 2"))
    }

    @Test func aLostOrDamagedFileInTheMiddleIsNeverSkipped() throws {
        let disk = LogDisk()
        let (log, _, _) = try openLog(disk)
        for last in [UInt64(3), 6, 9] {
            try appendBatches(log, through: last)
            log.rotate()
        }
        try appendBatches(log, through: 10)
        try log.close()
        let names = try disk.names()
        #expect(names.count == 4)

        for (index, name) in names.enumerated().dropLast() {
            let bytes = try disk.read(name)
            for damaged in [bytes.dropLast(), bytes + [0], Array(bytes[..<40]), []] {
                try disk.write(damaged, to: name)
                let error = try #require(failure { _ = try openLog(disk) })
                #expect(error.kind == .corrupt && error.path.contains("wal"), "\(error)")
            }
            try disk.files.remove(disk.file(name))
            let error = try #require(failure { _ = try openLog(disk) })
            #expect(error.kind == .corrupt && error.message.contains("missing"), "\(error)")
            try disk.write(bytes, to: name)
            // What is not needed may be gone.
            if index == 0 {
                try disk.files.remove(disk.file(name))
                let (again, _, replayed) = try openLog(disk, after: 3)
                #expect(replayed == Array(4...10))
                try again.close()
                try disk.write(bytes, to: name)
            }
        }
        let (again, _, replayed) = try openLog(disk)
        #expect(replayed == Array(1...10))
        try again.close()
    }

    @Test func anotherCollectionsLogIsRefused() throws {
        let disk = LogDisk()
        try disk.write(try closedLog(count: 2), to: firstFile)
        let error = try #require(failure { _ = try openLog(disk, logID: .random()) })
        #expect(error.kind == .corrupt && error.message.contains("another collection"))
        let moved = FileName.wal(firstSequenceNumber: SequenceNumber(2))
        try disk.files.rename(disk.file(firstFile), to: disk.file(moved))
        #expect(failure { _ = try openLog(disk, after: 1) }?.kind == .corrupt)
    }

    @Test func anEmptyLogStartsAfterTheGivenNumber() throws {
        let disk = LogDisk()
        let (log, recovery, _) = try openLog(disk, after: 41)
        #expect(recovery.lastSequenceNumber.rawValue == 41)
        try appendBatches(log, through: 43)
        try log.close()
        let (again, _, replayed) = try openLog(disk, after: 41)
        #expect(replayed == [42, 43])
        try again.close()
        #expect(failure { _ = try openLog(disk, after: 40) }?.kind == .corrupt)
        try disk.clear()
        let error = failure { _ = try openLog(disk, after: 40) { $0.mustExist = true } }
        #expect(error?.kind == .corrupt)
    }

    @Test func aLogThatEndsBeforeTheGivenNumberStartsAnew() throws {
        let disk = LogDisk()
        try disk.write(try closedLog(count: 3), to: firstFile)
        let (log, recovery, replayed) = try openLog(disk, after: 7)
        #expect(replayed.isEmpty && recovery.lastSequenceNumber.rawValue == 7)
        try appendBatches(log, through: 8)
        try log.close()
        let (again, _, second) = try openLog(disk, after: 7)
        #expect(second == [8])
        try again.close()
    }

    @Test func errorsOfTheReplayPassThrough() throws {
        struct Stop: Error {}
        let disk = LogDisk()
        try disk.write(try closedLog(count: 3), to: firstFile)
        #expect(throws: Stop.self) {
            _ = unsafe try WriteAheadLog.open(
                fileSystem: disk.files, directory: disk.path, after: .zero,
                options: .init(logID: testLogID)
            ) { _, _ in throw Stop() }
        }
    }

    /// Records with right checksums and wrong claims: lengths beyond the file, bytes that do not
    /// decompress to what is said, numbers near the end of their range.
    @Test(arguments: 0..<6) func aLyingRecordIsAnError(_ lie: Int) throws {
        let disk = LogDisk()
        let whole = try closedLog(count: 1)
        let seed = slowCRC32C(whole[..<36])
        var fields: [UInt8] = []
        let payload = [UInt8](repeating: 0x1f, count: 60)
        fields.append(littleEndian: lie == 0 ? UInt32.max : 60)
        fields.append(littleEndian: lie == 1 ? UInt64.max : lie == 2 ? 3 : 2)
        fields.append(littleEndian: UInt64(1))
        fields.append(littleEndian: lie == 3 ? UInt32(1 << 30) : 15_000)
        fields.append(lie == 4 ? 9 : 1)
        fields.append(lie == 5 ? 3 : 1)
        fields.append(littleEndian: UInt16(0))
        var bytes = whole
        bytes.append(littleEndian: slowCRC32C(fields + payload, seed: seed))
        bytes += fields + payload
        try disk.write(bytes, to: firstFile)
        let error = failure {
            let (log, recovery, _) = try openLog(disk)
            // Not recognisable as a record: the remains of a crash.
            #expect(recovery.tornByteCount == bytes.count - whole.count)
            try log.close()
        }
        #expect(error == nil || error?.kind == .corrupt)
        if lie == 2 {
            #expect(error?.message.contains("expected sequence number 2, found 3") == true)
        }
    }
}
