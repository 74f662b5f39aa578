import ApusCore
import ApusStorage
import Foundation
import Testing

@Suite struct FileSystemTests {
    @Test func filesAreWrittenReadAndMapped() throws {
        let scratch = try ScratchDirectory()
        let files = PosixFileSystem()
        let path = scratch.file("a")
        let file = try files.open(path, .createNew)
        try file.write(Array("hello".utf8), at: 0)
        try file.write(Array("world".utf8), at: 10)
        try file.synchronize()
        #expect(try file.size() == 15)
        #expect(try files.read(path) == Array("hello\0\0\0\0\0world".utf8))
        try file.truncate(to: 3)
        let mapped = try files.map(path)
        mapped.advise(.willNeed)
        mapped.advise(.random, range: 1..<90)
        #expect(unsafe Array(mapped.bytes) == Array("hel".utf8))
        try files.link(path, to: scratch.file("b"))
        try files.rename(path, to: scratch.file("c"))
        try files.makeDirectory(scratch.file("d"))
        try files.synchronizeDirectory(scratch.path)
        #expect(try files.list(scratch.path) == ["b", "c", "d"])
        #expect(try files.kind(of: scratch.file("c")) == .file)
        #expect(try files.kind(of: scratch.file("d")) == .directory)
        #expect(try files.kind(of: path) == nil)
        try files.removeTree(scratch.path)
        #expect(try files.kind(of: scratch.path) == nil)
    }

    @Test func bytesThatTheDiskDoesNotGiveAreAnError() throws {
        let scratch = try ScratchDirectory()
        let files = PosixFileSystem()
        try scratch.write([UInt8](repeating: 1, count: 3 * 4096), to: "a")
        let mapped = try files.map(scratch.file("a"))
        try mapped.populate(0..<mapped.byteCount)
        // As with a bad sector, reading the pages now would end the process.
        try files.open(scratch.file("a"), .readWrite).truncate(to: 4096)
        try mapped.populate(100..<4096)
        #if os(Linux)
        let error = failure { try mapped.populate(4000..<9000) }
        #expect(error?.kind == .io && error?.path == scratch.file("a"))
        #endif
    }

    @Test func linksInATreeAreRemovedAndNotWhatTheyLeadTo() throws {
        let scratch = try ScratchDirectory()
        let files = PosixFileSystem()
        for name in ["elsewhere", "tree", "tree/inner"] {
            try files.makeDirectory(scratch.file(name))
        }
        try scratch.write([1], to: "elsewhere/kept")
        try scratch.write([1], to: "tree/inner/gone")
        for (name, target) in [("tree/inner/link", "elsewhere"), ("tree/dangling", "nowhere")] {
            try FileManager.default.createSymbolicLink(
                atPath: scratch.file(name), withDestinationPath: scratch.file(target))
        }
        try files.removeTree(scratch.file("tree"))
        #expect(try files.kind(of: scratch.file("tree")) == nil)
        #expect(try files.list(scratch.file("elsewhere")) == ["kept"])
        // A collection that was moved to another disk and left a link.
        try FileManager.default.createSymbolicLink(
            atPath: scratch.file("moved"), withDestinationPath: scratch.file("elsewhere"))
        try files.removeTree(scratch.file("moved"))
        #expect(try files.list(scratch.path) == ["elsewhere"])
        #expect(try files.list(scratch.file("elsewhere")) == [])
    }

    @Test func anEmptyFileMapsToNoBytes() throws {
        let scratch = try ScratchDirectory()
        try scratch.write([], to: "empty")
        #expect(try PosixFileSystem().read(scratch.file("empty")).isEmpty)
    }

    @Test func failuresHaveTheirKind() throws {
        let scratch = try ScratchDirectory()
        let files = PosixFileSystem()
        try scratch.write([1], to: "a")
        let missing = try #require(failure { _ = try files.open(scratch.file("x"), .read) })
        #expect(missing.kind == .notFound && missing.path == scratch.file("x"))
        #expect(failure { _ = try files.map(scratch.file("x")) }?.kind == .notFound)
        #expect(failure { _ = try files.list(scratch.file("x")) }?.kind == .notFound)
        #expect(
            failure { _ = try files.open(scratch.file("a"), .createNew) }?.kind == .alreadyExists)
        #expect(failure { try files.makeDirectory(scratch.file("a")) }?.kind == .alreadyExists)
        #expect(failure { _ = try files.read(scratch.path) }?.kind == .io)
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
    func aFullDeviceIsOutOfSpace() throws {
        let file = try PosixFileSystem().open("/dev/full", .readWrite)
        let error = failure { try file.write([1, 2, 3], at: 0) }
        #expect(error?.kind == .outOfSpace && error?.path == "/dev/full")
    }

    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/sys/kernel")))
    func aDirectoryThatCannotBeWrittenIsReadOnly() throws {
        #expect(failure { _ = try DirectoryLock(directory: "/sys/kernel") }?.kind == .readOnly)
        #expect(
            failure { _ = try SegmentWriter(path: "/sys/kernel/1.seg") }?.kind == .readOnly)
    }

    @Test func aSecondHolderOfTheLockIsRefused() throws {
        let scratch = try ScratchDirectory()
        let lock = try DirectoryLock(directory: scratch.path)
        let error = try #require(failure { _ = try DirectoryLock(directory: scratch.path) })
        #expect(error.kind == .locked && error.path == scratch.path)
        #expect(error.message.contains("process \(ProcessInfo.processInfo.processIdentifier)"))
        lock.release()
        let again = try DirectoryLock(directory: scratch.path)
        again.release()
        // The lock goes with its holder, too.
        do { _ = try DirectoryLock(directory: scratch.path) }
        _ = try DirectoryLock(directory: scratch.path)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/flock")))
    func anotherProcessIsRefused() throws {
        let scratch = try ScratchDirectory()
        let lock = try DirectoryLock(directory: scratch.path)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/flock")
        process.arguments = ["--nonblock", "--exclusive", scratch.file("LOCK"), "true"]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        lock.release()
    }

    @Test func namesOfFilesGoBothWays() {
        for number in [UInt64(0), 1, 99_999_999, 100_000_000, .max] {
            let lsn = SequenceNumber(number)
            let wal = FileName.wal(firstSequenceNumber: lsn)
            #expect(FileName.firstSequenceNumber(ofWAL: wal) == lsn)
            #expect(
                FileName.generation(ofManifest: FileName.manifest(generation: number)) == number)
            #expect(FileName.number(ofSegment: FileName.segment(number)) == number)
            let deletions = FileName.deletions(FileName.deletions(segment: number, at: lsn))
            #expect(deletions?.segment == number && deletions?.at == lsn)
        }
        for name in [
            "", ".", ".del-", "1.del-1", "00000001.del-", "00000001.del-+1", "x.seg", "-1.seg",
        ] {
            #expect(FileName.deletions(name) == nil && FileName.number(ofSegment: name) == nil)
        }
    }
}

@Suite struct DatabaseMarkerTests {
    @Test func theMarkerComesBackAndIsChecked() throws {
        let scratch = try ScratchDirectory()
        #expect(try DatabaseMarker.read(directory: scratch.path) == nil)
        try DatabaseMarker().write(directory: scratch.path)
        #expect(try DatabaseMarker.read(directory: scratch.path)?.version == 1)
        let bytes = try scratch.read("APUS")
        for byte in bytes.indices {
            try scratch.write(bytes.flipping(bit: 0, of: byte), to: "APUS")
            #expect(
                failure { _ = try DatabaseMarker.read(directory: scratch.path) }?.kind == .corrupt)
            try scratch.write(bytes[..<byte], to: "APUS")
            #expect(
                failure { _ = try DatabaseMarker.read(directory: scratch.path) }?.kind == .corrupt)
        }
    }

    @Test func aNewerDatabaseIsRefused() throws {
        let scratch = try ScratchDirectory()
        try DatabaseMarker(version: 2).write(directory: scratch.path)
        let error = failure { _ = try DatabaseMarker.read(directory: scratch.path) }
        #expect(error?.kind == .newerFormat && error?.message.contains("2") == true)
    }
}
