import ApusCore
import ApusStorage
import Testing

@Suite struct ManifestTests {
    private func example() -> Manifest {
        var manifest = Manifest(logID: testLogID)
        manifest.flushedThrough = SequenceNumber(99)
        manifest.nextSegmentNumber = 8
        manifest.segments = [
            Manifest.Segment(number: 3, rowCount: 1000),
            Manifest.Segment(number: 7, rowCount: 20, deletionFileLSN: SequenceNumber(98)),
        ]
        manifest.attributes = ["configuration": Array("{}".utf8), "": []]
        return manifest
    }

    @Test func theLastCommitHolds() throws {
        let scratch = try ScratchDirectory()
        let store = ManifestStore(directory: scratch.path)
        #expect(try store.read() == nil)
        var manifest = try store.commit(example())
        #expect(manifest.generation == 1)
        #expect(try store.read() == manifest)
        manifest.segments.removeFirst()
        let second = try store.commit(manifest)
        #expect(second.generation == 2 && second.segments.count == 1)
        #expect(try store.read() == second)
        #expect(try scratch.names() == ["CURRENT", "MANIFEST-00000002"])
    }

    /// Whatever call fails while a manifest is replaced: afterwards the old one holds or the new
    /// one, and the next commit works.
    @Test func aFailureOfAnyCallLeavesTheOldOrTheNew() throws {
        var call = 0
        while true {
            let scratch = try ScratchDirectory()
            let calm = ManifestStore(directory: scratch.path)
            let old = try calm.commit(example())
            let files = FaultyFileSystem { $0.failingCall = call }
            var changed = old
            changed.flushedThrough = SequenceNumber(100)
            let error = failure {
                _ = try ManifestStore(fileSystem: files, directory: scratch.path).commit(changed)
            }
            let found = try #require(try calm.read())
            #expect(found == old || found.flushedThrough == SequenceNumber(100))
            if error == nil { #expect(found.flushedThrough == SequenceNumber(100)) }
            let next = try calm.commit(found)
            try calm.removeStrayFiles(keeping: next)
            #expect(try calm.read() == next)
            #expect(try scratch.names().count == 2)
            if files.counts.callCount <= call { break }
            call += 1
        }
        #expect(call > 8)
    }

    @Test func aFullDiskKeepsTheOldManifest() throws {
        let scratch = try ScratchDirectory()
        let store = ManifestStore(directory: scratch.path)
        let old = try store.commit(example())
        let needed = try scratch.read("CURRENT").count + scratch.read("MANIFEST-00000001").count
        for room in 0..<needed {
            let files = FaultyFileSystem { $0.writableByteCount = room }
            let error = failure {
                _ = try ManifestStore(fileSystem: files, directory: scratch.path).commit(old)
            }
            #expect(error?.kind == .outOfSpace)
            #expect(try store.read() == old)
        }
    }

    @Test func aChangeOfAnyByteIsFound() throws {
        let scratch = try ScratchDirectory()
        let store = ManifestStore(directory: scratch.path)
        _ = try store.commit(example())
        for name in ["MANIFEST-00000001", "CURRENT"] {
            let bytes = try scratch.read(name)
            for byte in bytes.indices {
                for bit in 0..<8 {
                    try scratch.write(bytes.flipping(bit: bit, of: byte), to: name)
                    let kind = failure { _ = try store.read() }?.kind
                    #expect(kind == .corrupt || kind == .newerFormat, "\(name), byte \(byte)")
                }
                try scratch.write(bytes[..<byte], to: name)
                #expect(failure { _ = try store.read() }?.kind == .corrupt)
            }
            try scratch.write(bytes + [0], to: name)
            #expect(failure { _ = try store.read() }?.kind == .corrupt)
            try scratch.write(bytes, to: name)
        }
        #expect(try store.read() != nil)
    }

    @Test func aLostFileIsNotTakenForAnEmptyCollection() throws {
        let scratch = try ScratchDirectory()
        let store = ManifestStore(directory: scratch.path)
        let first = try store.commit(example())
        _ = try store.commit(first)
        let current = try scratch.read("CURRENT")
        try PosixFileSystem().remove(scratch.file("CURRENT"))
        #expect(failure { _ = try store.read() }?.kind == .corrupt)
        try scratch.write(current, to: "CURRENT")
        try PosixFileSystem().remove(scratch.file("MANIFEST-00000002"))
        #expect(failure { _ = try store.read() }?.kind == .notFound)
    }

    @Test func onlyStrayFilesOfOursAreRemoved() throws {
        let scratch = try ScratchDirectory()
        let store = ManifestStore(directory: scratch.path)
        let manifest = try store.commit(example())
        let kept = [
            "00000003.seg", "00000007.seg", "00000007.del-98", "notes.txt", "LOCK", "7.seg",
            "MANIFEST-1",
        ]
        let stray = [
            "00000001.seg", "00000007.del-97", "00000003.del-98", "00000008.seg.tmp",
            "MANIFEST-00000002", "CURRENT.tmp",
        ]
        for name in kept + stray { try scratch.write([0], to: name) }
        #expect(try store.removeStrayFiles(keeping: manifest) == stray.sorted())
        #expect(try scratch.names() == (kept + ["CURRENT", "MANIFEST-00000001"]).sorted())
    }
}

@Suite struct DeletionFileTests {
    private func bitmap(count: Int, _ deleted: some Sequence<Int>) -> Bitmap {
        var bitmap = Bitmap(count: count)
        for ordinal in deleted { bitmap[ordinal] = true }
        return bitmap
    }

    @Test func deletionsComeBack() throws {
        let scratch = try ScratchDirectory()
        for deleted in [
            bitmap(count: 0, []), bitmap(count: 1, [0]), bitmap(count: 1000, [3, 64, 999]),
            bitmap(count: 1000, 0..<1000), bitmap(count: 65, stride(from: 0, to: 65, by: 2)),
        ] {
            let file = DeletionFile(sequenceNumber: SequenceNumber(12), deleted: deleted)
            try file.write(directory: scratch.path, segment: 4)
            let path = scratch.file("00000004.del-12")
            #expect(try DeletionFile.read(path: path, rowCount: deleted.count) == file)
            #expect(try DeletionFile.read(path: path, rowCount: nil) == file)
            let wrong = failure {
                _ = try DeletionFile.read(path: path, rowCount: deleted.count + 1)
            }
            #expect(wrong?.kind == .corrupt)
        }
    }

    @Test(arguments: [true, false]) func aChangeOfAnyByteIsFound(_ asList: Bool) throws {
        let scratch = try ScratchDirectory()
        let deleted = asList ? bitmap(count: 640, [1, 77]) : bitmap(count: 100, 0..<70)
        let path = scratch.file("00000001.del-5")
        try DeletionFile(sequenceNumber: SequenceNumber(5), deleted: deleted)
            .write(directory: scratch.path, segment: 1)
        let bytes = try scratch.read("00000001.del-5")
        for byte in bytes.indices {
            for bit in 0..<8 {
                try scratch.write(bytes.flipping(bit: bit, of: byte), to: "00000001.del-5")
                let kind = failure {
                    _ = try DeletionFile.read(path: path, rowCount: deleted.count)
                }?.kind
                #expect(kind == .corrupt || kind == .newerFormat)
            }
            try scratch.write(bytes[..<byte], to: "00000001.del-5")
            #expect(
                failure { _ = try DeletionFile.read(path: path, rowCount: nil) }?.kind == .corrupt)
        }
    }

    /// Right checksums, wrong ordinals.
    @Test(arguments: 0..<5) func aLyingFileIsAnError(_ lie: Int) throws {
        let scratch = try ScratchDirectory()
        var bytes = Array("APDL".utf8)
        bytes.append(littleEndian: UInt16(1))
        bytes.append(littleEndian: UInt16(lie == 4 ? 3 : 1))
        bytes.append(littleEndian: UInt64(5))
        bytes.append(littleEndian: lie == 0 ? UInt64.max : 100)
        bytes.append(littleEndian: UInt64(2))
        bytes.append(littleEndian: UInt32(0))
        var body: [UInt8] = []
        body.append(littleEndian: UInt32(lie == 1 ? 9 : 3))
        body.append(littleEndian: UInt32(lie == 2 ? 100 : 9))
        if lie == 3 { body.append(littleEndian: UInt32(10)) }
        bytes.append(littleEndian: slowCRC32C(bytes + body))
        try scratch.write(bytes + body, to: "x")
        let error = failure { _ = try DeletionFile.read(path: scratch.file("x"), rowCount: nil) }
        #expect(error?.kind == .corrupt && error?.message.contains("checksum") == false)
    }
}
