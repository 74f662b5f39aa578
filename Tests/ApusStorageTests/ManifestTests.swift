import ApusCore
import ApusStorage
import TestSupport
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

    /// Whoever opens a collection counts on from these numbers; an archive that somebody sends may
    /// have any.
    @Test(arguments: [UInt64(1) << 62, .max]) func aNumberThatCannotBeCountedOnIsRefused(
        number: UInt64
    ) throws {
        let scratch = try ScratchDirectory()
        var manifest = example()
        manifest.nextSegmentNumber = number
        let error = failure {
            _ = try ManifestStore(directory: scratch.path).commit(manifest)
            _ = try ManifestStore(directory: scratch.path).read()
        }
        #expect(error?.kind == .corrupt)
    }

    /// A disk on which a first manifest holds.
    private func disk() throws -> (files: SimulatedFileSystem, manifest: Manifest) {
        let files = SimulatedFileSystem(directories: ["/db"])
        let store = ManifestStore(fileSystem: files, directory: "/db")
        return (files, try store.commit(example()))
    }

    /// Whatever call fails while a manifest is replaced: afterwards the old one holds or the new
    /// one, and the next commit works.
    @Test func aFailureOfAnyCallLeavesTheOldOrTheNew() throws {
        var call = 0
        while true {
            let (files, old) = try disk()
            files.change { $0.faults = [.init(nil, afterCalls: call, count: 1)] }
            let before = files.controls.callCount
            let store = ManifestStore(fileSystem: files, directory: "/db")
            var changed = old
            changed.flushedThrough = SequenceNumber(100)
            let error = failure { _ = try store.commit(changed) }
            let found = try #require(try store.read())
            #expect(found == old || found.flushedThrough == SequenceNumber(100))
            if error == nil { #expect(found.flushedThrough == SequenceNumber(100)) }
            if files.controls.callCount - before <= call { break }
            let next = try store.commit(found)
            try store.removeStrayFiles(keeping: next)
            #expect(try store.read() == next)
            #expect(files.files.count == 2)
            call += 1
        }
        #expect(call > 8)
    }

    /// The machine stops at each call of a commit, and whatever the power loss leaves: the old
    /// manifest holds or the new one, the new one for certain once the commit was reported, and
    /// what CURRENT names is there whole.
    @Test func aCrashAtAnyCallLeavesTheOldOrTheNew() throws {
        var call = 0
        while true {
            let (files, old) = try disk()
            files.change { $0.crashingCall = $0.callCount + call }
            var changed = old
            changed.flushedThrough = SequenceNumber(100)
            let error = failure {
                let store = ManifestStore(fileSystem: files, directory: "/db")
                _ = try store.commit(changed)
            }
            var starts = [files.afterKill(), files.afterPowerLoss(.losesEverythingUnsynced)]
            starts += (0..<40).map { files.afterPowerLoss(.losesSome(seed: $0)) }
            for start in starts {
                let store = ManifestStore(fileSystem: start, directory: "/db")
                let found = try #require(try store.read())
                #expect(found == old || found.flushedThrough == SequenceNumber(100))
                if error == nil { #expect(found.flushedThrough == SequenceNumber(100)) }
                let next = try store.commit(found)
                try store.removeStrayFiles(keeping: next)
                let again = start.afterPowerLoss(.losesEverythingUnsynced)
                #expect(try ManifestStore(fileSystem: again, directory: "/db").read() == next)
            }
            if !files.hasCrashed { break }
            call += 1
        }
        #expect(call > 8)
    }

    @Test func aFullDiskKeepsTheOldManifest() throws {
        let needed = try disk().files.usedByteCount
        for room in 0..<needed {
            let (files, old) = try disk()
            files.change { $0.capacity = needed + room }
            let store = ManifestStore(fileSystem: files, directory: "/db")
            #expect(failure { _ = try store.commit(old) }?.kind == .outOfSpace)
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
