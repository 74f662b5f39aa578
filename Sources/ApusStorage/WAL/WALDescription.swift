package import ApusCore

/// What one WAL file holds, for people who look at it.
package struct WALDescription: Hashable, Sendable {
    package struct Record: Hashable, Sendable {
        /// Of its first byte in the file.
        package var offset: Int
        package var header: WALRecordHeader
    }

    package var path: String
    package var byteCount: Int
    package var formatVersion: UInt16
    package var logID: LogID
    package var firstSequenceNumber: SequenceNumber
    package var records: [Record]
    /// Bytes after the last valid record.
    package var tailByteCount: Int
    /// What is wrong with the file by itself. A tail without a fault is what a crash leaves in the
    /// newest file; in any other it is damage.
    package var faults: [StorageError]

    /// Walks a file's records without changing it. Throws when not even the header can be read.
    package static func describe(
        fileSystem: any FileSystem = PosixFileSystem(), path: String
    ) throws(StorageError) -> WALDescription {
        var reader = try WALFileReader(try fileSystem.load(path))
        var description = WALDescription(
            path: path, byteCount: reader.file.byteCount, formatVersion: WALFormat.version,
            logID: reader.header.logID, firstSequenceNumber: reader.header.firstSequenceNumber,
            records: [], tailByteCount: 0, faults: [])
        var last = SequenceNumber(reader.header.firstSequenceNumber.rawValue - 1)
        while true {
            let offset = reader.offset
            switch reader.next() {
            case .record(let header, let payload):
                let expected = header.type == .batch ? last.next : last
                if header.sequenceNumber != expected {
                    description.faults.append(
                        .corrupt(
                            path, at: offset,
                            "expected sequence number \(expected), found \(header.sequenceNumber)"))
                }
                do throws(StorageError) {
                    _ = try reader.payload(of: header, in: payload)
                } catch {
                    description.faults.append(error)
                }
                last = header.sequenceNumber
                description.records.append(Record(offset: offset, header: header))
            case .damage:
                description.tailByteCount = reader.file.byteCount - offset
                if let proof = reader.proofOfLoss(after: last) {
                    description.faults.append(
                        .corrupt(
                            path, at: offset,
                            "no record here, though the one at byte \(proof.offset) says that "
                                + "sequence number \(last.next) had been on disk"))
                }
                return description
            case .end:
                return description
            }
        }
    }
}
