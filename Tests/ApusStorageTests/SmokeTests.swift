import ApusCore
import ApusStorage
import Synchronization
import TestSupport
import Testing

@Suite struct WriteAheadLogTests {
    @Test func replaysWhatWasAppended() throws {
        let directory = try ScratchDirectory()
        let id = LogID.random()
        let (log, first) = unsafe try WriteAheadLog.open(
            directory: directory.path, after: .zero, options: .init(logID: id)
        ) { _, _ in Issue.record("nothing to replay") }
        #expect(first.lastSequenceNumber == .zero)
        for number in 1...10 {
            let lsn = try log.append([UInt8](repeating: UInt8(number), count: number * 40))
            #expect(lsn.rawValue == UInt64(number))
        }
        try log.waitUntilDurable(log.lastSequenceNumber)
        try log.close()
        var seen: [Int] = []
        let (again, recovery) = unsafe try WriteAheadLog.open(
            directory: directory.path, after: SequenceNumber(3), options: .init(logID: id)
        ) { lsn, bytes in
            #expect(
                unsafe Array(bytes)
                    == [UInt8](repeating: UInt8(lsn.rawValue), count: Int(lsn.rawValue) * 40))
            seen.append(Int(lsn.rawValue))
        }
        #expect(seen == Array(4...10))
        #expect(recovery.tornByteCount == 0)
        try again.close()
    }

    @Test func rowsComeBack() throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/1.seg"
        let writer = try SegmentWriter(path: path)
        try RowBlockWriter.addSections(to: writer, prefix: "payload") { rows in
            for number in 0..<5000 { try rows.append(Array("row number \(number)".utf8)) }
        }
        try writer.finish()
        let reader = try SegmentReader.open(path: path)
        #expect(reader.verify().isEmpty)
        let rows = try RowBlockReader(reader, prefix: "payload")
        for number in 0..<5000 {
            #expect(try rows.row(number) == Array("row number \(number)".utf8))
        }
    }
}
