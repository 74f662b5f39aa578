import ApusCore
import ApusStorage
import TestSupport
import Testing

/// Files of random bytes, and good files with several bytes replaced: every reader throws or
/// answers, none traps. (Whether the answer is right, single damages elsewhere test.)
@Suite struct HostileBytesTests {
    private func readAsEverything(_ scratch: ScratchDirectory, _ bytes: [UInt8]) throws {
        try scratch.write(bytes, to: "file")
        let path = scratch.file("file")
        _ = try StoredFileKind.identify(path: path)
        _ = StorageCheck.segment(path: path)
        _ = failure { _ = try WALDescription.describe(path: path) }
        _ = failure { _ = try ManifestStore.readFile(path: path) }
        // The row count bounds what a lying file can make the reader reserve.
        _ = failure { _ = try DeletionFile.read(path: path, rowCount: 100) }
        try scratch.write(bytes, to: "APUS")
        _ = failure { _ = try DatabaseMarker.read(directory: scratch.path) }
        try scratch.write(bytes, to: "CURRENT")
        _ = failure { _ = try ManifestStore(directory: scratch.path).read() }
    }

    @Test(arguments: ["APWL", "APSG", "APMF", "APDL", "\0\0\0\0"])
    func randomBytesAreRefusedByEveryReader(_ magic: String) throws {
        let scratch = try ScratchDirectory()
        var generator = SeededGenerator(seed: 7)
        for round in 0..<150 {
            var bytes = Array(magic.utf8) + [1, 0]
            for _ in 0..<Int.random(in: 0...300, using: &generator) {
                // Many zeros and ones: small numbers get further than large ones.
                let kind = Int.random(in: 0..<3, using: &generator)
                bytes.append(
                    kind == 0 ? 0 : kind == 1 ? 1 : UInt8.random(in: 0...255, using: &generator))
            }
            if round % 2 == 0 { bytes += Array("APSE".utf8) }
            try readAsEverything(scratch, bytes)
        }
    }

    @Test func goodFilesWithReplacedBytesDoNotTrap() throws {
        let scratch = try ScratchDirectory()
        let segments = try ScratchDirectory()
        let writer = try SegmentWriter(
            fileSystem: PosixFileSystem(), path: segments.file("1.seg"))
        try RowBlockWriter.addSections(to: writer, prefix: "p", blockByteCount: 64) { rows in
            for number in UInt64(0)..<20 { try rows.append(batch(number) + batch(number)) }
        }
        try writer.finish()
        var generator = SeededGenerator(seed: 11)
        for good in [try closedLog(count: 5), try segments.read("1.seg")] {
            for _ in 0..<150 {
                var bytes = good
                for _ in 0..<Int.random(in: 1...6, using: &generator) {
                    let place = Int.random(in: bytes.indices, using: &generator)
                    bytes[place] = UInt8.random(in: 0...255, using: &generator)
                }
                let length = Int.random(in: 0...(bytes.count * 2), using: &generator)
                if length < bytes.count { bytes.removeLast(bytes.count - length) }
                try readAsEverything(scratch, bytes)
                let disk = LogDisk()
                try disk.write(bytes, to: firstFile)
                let error = failure { try openLog(disk).log.close() }
                #expect(error == nil || error?.kind == .corrupt || error?.kind == .newerFormat)
                try scratch.clear()
            }
        }
    }
}
