import ApusCore
import ApusStorage
import Testing

@Suite struct StorageCheckTests {
    /// A collection with two segments, a deletion file and a log of two files.
    private func collection() throws -> ScratchDirectory {
        let scratch = try ScratchDirectory()
        let files = PosixFileSystem()
        let (log, _, _) = try openLog(scratch.file("wal"), fileSystem: files)
        try appendBatches(log, through: 4)
        log.rotate()
        try appendBatches(log, through: 6)
        try log.close()
        for number in [UInt64(1), 2] {
            let writer = try SegmentWriter(
                fileSystem: files, path: scratch.file(FileName.segment(number)))
            try writer.addSection(name: "vectors", encoding: .raw, bytes: batch(number))
            try RowBlockWriter.addSections(to: writer, prefix: "payload") { rows in
                for row in UInt64(0)..<10 { try rows.append(batch(row)) }
            }
            try writer.finish()
        }
        var deleted = Bitmap(count: 10)
        deleted[3] = true
        try DeletionFile(sequenceNumber: SequenceNumber(3), deleted: deleted)
            .write(fileSystem: files, directory: scratch.path, segment: 2)
        var manifest = Manifest(logID: testLogID)
        manifest.flushedThrough = SequenceNumber(3)
        manifest.nextSegmentNumber = 3
        manifest.segments = [
            Manifest.Segment(number: 1, rowCount: 10),
            Manifest.Segment(number: 2, rowCount: 10, deletionFileLSN: SequenceNumber(3)),
        ]
        _ = try ManifestStore(fileSystem: files, directory: scratch.path).commit(manifest)
        return scratch
    }

    private let names = [
        "CURRENT", "MANIFEST-00000001", "00000001.seg", "00000002.seg", "00000002.del-3",
        "wal/00000000000000000001.wal", "wal/00000000000000000005.wal",
    ]

    @Test func aWholeCollectionHasNoFaults() throws {
        let scratch = try collection()
        #expect(StorageCheck.collection(directory: scratch.path).isEmpty)
        try scratch.write([1], to: "00000009.seg.tmp")
        try scratch.write([1], to: "00000009.seg")
        #expect(StorageCheck.collection(directory: scratch.path).isEmpty)
    }

    @Test func aDamagedFileIsNamed() throws {
        let scratch = try collection()
        for name in names {
            let bytes = try scratch.read(name)
            let place = name.hasSuffix(".wal") ? 50 : bytes.count / 2
            try scratch.write(bytes.flipping(bit: 5, of: place), to: name)
            let faults = StorageCheck.collection(directory: scratch.path)
            #expect(faults.count == 1 && faults[0].kind == .corrupt, "\(name): \(faults)")
            #expect(faults.first?.path == scratch.file(name))
            try scratch.write(bytes, to: name)
        }
        #expect(StorageCheck.collection(directory: scratch.path).isEmpty)
    }

    @Test func aMissingFileIsNamed() throws {
        let scratch = try collection()
        // Without CURRENT the other files show that there was one.
        for name in names where name != "wal/00000000000000000005.wal" {
            let bytes = try scratch.read(name)
            try PosixFileSystem().remove(scratch.file(name))
            let faults = StorageCheck.collection(directory: scratch.path)
            #expect(faults.count == 1, "\(name): \(faults)")
            try scratch.write(bytes, to: name)
        }
        try PosixFileSystem().removeTree(scratch.file("wal"))
        #expect(StorageCheck.collection(directory: scratch.path).count == 1)
    }

    @Test func deletionsOfAnotherSegmentAreAFault() throws {
        let scratch = try collection()
        try DeletionFile(sequenceNumber: SequenceNumber(3), deleted: Bitmap(count: 11))
            .write(directory: scratch.path, segment: 2)
        #expect(StorageCheck.collection(directory: scratch.path).count == 1)
    }

    @Test func filesAreKnownByTheirFirstBytes() throws {
        let scratch = try collection()
        let kinds: [StoredFileKind?] = [
            nil, .manifest, .segment, .segment, .deletions, .wal, .wal,
        ]
        for (name, kind) in zip(names, kinds) {
            #expect(try StoredFileKind.identify(path: scratch.file(name)) == kind)
        }
        try scratch.write([65], to: "short")
        #expect(try StoredFileKind.identify(path: scratch.file("short")) == nil)
    }

    @Test func aLogFileIsDescribed() throws {
        let scratch = try collection()
        let path = scratch.file("wal/00000000000000000001.wal")
        let description = try WALDescription.describe(path: path)
        #expect(description.firstSequenceNumber.rawValue == 1)
        #expect(description.logID == testLogID)
        #expect(
            description.records.map(\.header.sequenceNumber.rawValue) == [1, 2, 3, 4])
        #expect(description.tailByteCount == 0 && description.faults.isEmpty)
        let bytes = try scratch.read("wal/00000000000000000001.wal")
        try scratch.write(bytes.flipping(bit: 0, of: 50), to: "wal/00000000000000000001.wal")
        let damaged = try WALDescription.describe(path: path)
        #expect(damaged.records.isEmpty && damaged.faults.count == 1)
        #expect(damaged.tailByteCount == bytes.count - 40)
    }
}
