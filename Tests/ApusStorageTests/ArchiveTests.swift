import ApusStorage
import TestSupport
import Testing

@Suite struct ArchiveTests {
    private static let files: [(name: String, bytes: [UInt8])] = [
        ("snapshot.json", Array("{}".utf8)), ("a/00000001.seg", (0..<5000).map { UInt8($0 % 241) }),
        ("a/empty", []), ("a/wal/1.wal", [1, 2, 3]),
    ]

    private static func stream(pieceByteCount: Int = 1 << 20) throws -> ArchiveStream {
        ArchiveStream(
            try files.map { file in
                ArchiveStream.Source(
                    name: try #require(RelativePath(file.name)), bytes: file.bytes)
            }, pieceByteCount: pieceByteCount)
    }

    private static func bytes(_ stream: ArchiveStream) throws -> [UInt8] {
        var stream = stream
        var bytes: [UInt8] = []
        while let piece = try stream.next() { bytes += piece }
        return bytes
    }

    private static func contents(_ path: String) throws -> [(name: String, bytes: [UInt8])] {
        var reader = try ArchiveReader(path: path)
        var found: [(name: String, bytes: [UInt8])] = []
        while let entry = try reader.nextEntry() {
            var bytes: [UInt8] = []
            while let piece = try reader.nextPiece() { bytes += piece }
            found.append((entry.name.description, bytes))
        }
        #expect(try reader.nextEntry() == nil)
        return found
    }

    @Test("An archive gives back the files that went in")
    func roundTrip() throws {
        let scratch = try ScratchDirectory()
        try PosixFileSystem().write(Self.stream(), to: scratch.file("archive"))
        let found = try Self.contents(scratch.file("archive"))
        #expect(found.map(\.name) == Self.files.map(\.name))
        #expect(found.map(\.bytes) == Self.files.map(\.bytes))
        #expect(try scratch.names() == ["archive"])
    }

    @Test("Its bytes depend on the files alone, and their number is known before")
    func deterministic() throws {
        let whole = try Self.bytes(Self.stream())
        #expect(try Self.bytes(Self.stream(pieceByteCount: 7)) == whole)
        #expect(try UInt64(whole.count) == Self.stream().byteCount)
        #expect(Array(whole.prefix(4)) == Array("APAR".utf8))
        #expect(Array(whole.suffix(4)) == Array("APAE".utf8))
    }

    @Test("A bit that flips anywhere is found")
    func flippedBits() throws {
        let scratch = try ScratchDirectory()
        let whole = try Self.bytes(Self.stream())
        for byte in whole.indices where byte % 29 == 0 || byte < 200 || byte > whole.count - 300 {
            try scratch.write(whole.flipping(bit: byte % 8, of: byte), to: "archive")
            let error = failure { _ = try Self.contents(scratch.file("archive")) }
            #expect(error != nil, "byte \(byte)")
            #expect(error?.path == scratch.file("archive"))
        }
    }

    @Test("An archive that is cut off or goes on is refused, wherever that is")
    func cutOff() throws {
        let scratch = try ScratchDirectory()
        let whole = try Self.bytes(Self.stream())
        for count in stride(from: 0, to: whole.count, by: 37) {
            try scratch.write(whole.prefix(count), to: "archive")
            let error = failure { _ = try Self.contents(scratch.file("archive")) }
            #expect(error?.kind == .corrupt, "\(count) bytes")
        }
        try scratch.write(whole + [0], to: "archive")
        #expect(failure { _ = try Self.contents(scratch.file("archive")) }?.kind == .corrupt)
    }

    @Test("Damage in a file is told with the file's name")
    func named() throws {
        let scratch = try ScratchDirectory()
        let whole = try Self.bytes(Self.stream())
        let content = try #require(whole.firstRange(of: Self.files[1].bytes))
        try scratch.write(
            whole.flipping(bit: 3, of: content.lowerBound + 700), to: "archive")
        let error = failure { _ = try Self.contents(scratch.file("archive")) }
        #expect(error?.kind == .corrupt)
        #expect(error?.message.contains("a/00000001.seg") == true)
    }

    @Test("A file that is not what it was ends the stream")
    func rottenSource() throws {
        let scratch = try ScratchDirectory()
        let store = LocalBlobStore(directory: scratch.path)
        try scratch.write([1, 2, 4], to: "blob")
        var stream = ArchiveStream([
            ArchiveStream.Source(
                name: try #require(RelativePath("file")), byteCount: 3,
                checksum: slowCRC32C([1, 2, 3]),
                content: .blob(try #require(RelativePath("blob")), in: store))
        ])
        let error = failure { while try stream.next() != nil {} }
        #expect(error?.kind == .corrupt)
    }

    @Test("Names that lead out of the archive, and names that come twice, are refused")
    func hostileNames() throws {
        let scratch = try ScratchDirectory()
        for name in ["../x", "/etc/x", "a/../../x", ".x", "x.tmp", "a//b"] {
            var bytes = try Self.bytes(ArchiveStream([])).prefix(16) + []
            bytes += Self.entry(name: name, content: [9])
            try scratch.write(bytes, to: "archive")
            #expect(failure { _ = try Self.contents(scratch.file("archive")) }?.kind == .corrupt)
        }
        var bytes = try Self.bytes(ArchiveStream([])).prefix(16) + []
        bytes += Self.entry(name: "x", content: [9])
        bytes += Self.entry(name: "x", content: [8])
        try scratch.write(bytes, to: "archive")
        let error = failure { _ = try Self.contents(scratch.file("archive")) }
        #expect(error?.message.contains("second entry") == true)
    }

    @Test("An archive of a later format is refused as such")
    func newerFormat() throws {
        let scratch = try ScratchDirectory()
        var bytes = try Self.bytes(Self.stream())
        bytes[4] = 2
        try scratch.write(bytes, to: "archive")
        #expect(failure { _ = try Self.contents(scratch.file("archive")) }?.kind == .newerFormat)
    }

    /// An entry with right checksums, as docs/format.md has it.
    private static func entry(name: String, content: [UInt8]) -> [UInt8] {
        var header: [UInt8] = []
        header.append(littleEndian: UInt32(1))
        header.append(littleEndian: UInt32(name.utf8.count))
        header.append(littleEndian: UInt64(content.count))
        header.append(littleEndian: slowCRC32C(content))
        var bytes: [UInt8] = []
        bytes.append(littleEndian: slowCRC32C(header + Array(name.utf8)))
        return bytes + header + Array(name.utf8) + content
    }
}
