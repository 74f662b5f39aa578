import ApusCore
import ApusStorage
import TestSupport
import Testing

/// Readers of single files of a database.
@Suite("Fuzzing files") struct StorageFuzzTests {
    private static let directory = "d"
    private static let logID = LogID(high: 0x0123_4567_89ab_cdef, low: 0xfedc_ba98_7654_3210)

    private static func disk() -> SimulatedFileSystem {
        SimulatedFileSystem(directories: [directory])
    }

    private static func repairing(
        _ kind: ChecksumRepair
    ) -> @Sendable (inout FuzzInput) -> Void {
        { input in kind.apply(to: &input.bytes) }
    }

    @Test("The database's marker") func marker() async throws {
        let disk = Self.disk()
        try await fuzz(
            FuzzTarget(
                name: "marker", tokens: ["0", "1", "2", "65535", "65536", "\n", " "],
                repair: Self.repairing(.marker),
                samples: {
                    try DatabaseMarker().write(fileSystem: disk, directory: Self.directory)
                    return [FuzzInput(name: "APUS", bytes: try disk.bytes(of: "d/APUS"))]
                },
                run: { input in
                    try disk.put(input.bytes, at: "d/APUS")
                    return try refusing(with: StorageError.self) {
                        let marker = try DatabaseMarker.read(
                            fileSystem: disk, directory: Self.directory)
                        try marker?.write(fileSystem: disk, directory: Self.directory)
                        try expect(
                            try disk.bytes(of: "d/APUS") == input.bytes, "another marker comes back"
                        )
                    }
                }))
    }

    @Test("Manifests and CURRENT") func manifest() async throws {
        let disk = Self.disk()
        try await fuzz(
            FuzzTarget(
                name: "manifest", tokens: ["MANIFEST-", "00000001", "18446744073709551615"],
                repair: { input in
                    ChecksumRepair(path: input.purpose)?.apply(to: &input.bytes)
                },
                samples: { try Self.manifests() },
                run: { input in try Self.readManifest(input, disk) }))
    }

    private static func manifests() throws -> [FuzzInput] {
        var inputs: [FuzzInput] = []
        var manifest = Manifest(logID: logID)
        for number in 0..<3 {
            let disk = disk()
            let store = ManifestStore(fileSystem: disk, directory: directory)
            manifest.flushedThrough = SequenceNumber(UInt64(number * 100))
            manifest.nextSegmentNumber = UInt64(number + 5)
            manifest.attributes["key\(number)"] = Array("{\"value\": \(number)}".utf8)
            manifest.segments = (0..<number).map { segment in
                Manifest.Segment(
                    number: UInt64(segment + 1), rowCount: 70_000 * segment,
                    deletionFileLSN: segment == 1 ? SequenceNumber(9) : nil)
            }
            manifest = try store.commit(manifest)
            let name = FileName.manifest(generation: manifest.generation)
            inputs.append(
                FuzzInput(
                    name: "MANIFEST-00000001~\(number)", bytes: try disk.bytes(of: "d/\(name)")))
            inputs.append(
                FuzzInput(name: "CURRENT~\(number)", bytes: try disk.bytes(of: "d/CURRENT")))
        }
        return inputs
    }

    private static func readManifest(
        _ input: FuzzInput, _ disk: SimulatedFileSystem
    ) throws -> FuzzOutcome {
        let path = "d/\(input.purpose)"
        try disk.put(input.bytes, at: path)
        let store = ManifestStore(fileSystem: disk, directory: directory)
        if input.purpose == "CURRENT" {
            // It names a manifest that is not there, if it is right.
            return try refusing(with: StorageError.self) {
                do throws(StorageError) { _ = try store.read() } catch
                    where error.kind == .notFound
                {}
            }
        }
        return try refusing(with: StorageError.self) {
            let manifest = try ManifestStore.readFile(fileSystem: disk, path: path)
            _ = try store.strayFiles(of: manifest)
            let other = Self.disk()
            let again = try ManifestStore(fileSystem: other, directory: directory)
                .commit(manifest)
            let found = try ManifestStore(fileSystem: other, directory: directory).read()
            try expect(
                found == again && again.segments == manifest.segments
                    && again.attributes == manifest.attributes,
                "another manifest comes back")
        }
    }

    @Test("Deletion files") func deletions() async throws {
        let disk = Self.disk()
        try await fuzz(
            FuzzTarget(
                name: "deletions", repair: Self.repairing(.deletions),
                samples: {
                    try [1, 60, 200].map { count in
                        var deleted = Bitmap(count: 200)
                        for row in 0..<count { deleted[(row * 7) % 200] = true }
                        try DeletionFile(sequenceNumber: SequenceNumber(9), deleted: deleted)
                            .write(fileSystem: disk, directory: Self.directory, segment: 6)
                        return FuzzInput(
                            name: "deletions~\(count)",
                            bytes: try disk.bytes(of: "d/00000006.del-9"))
                    }
                },
                run: { input in
                    try disk.put(input.bytes, at: "d/file")
                    return try refusing(with: StorageError.self) {
                        let file = try DeletionFile.read(
                            fileSystem: disk, path: "d/file", rowCount: 200)
                        try file.write(fileSystem: disk, directory: Self.directory, segment: 1)
                        let name = FileName.deletions(segment: 1, at: file.sequenceNumber)
                        let again = try DeletionFile.read(
                            fileSystem: disk, path: "d/\(name)", rowCount: 200)
                        try disk.remove("d/\(name)")
                        try expect(again == file, "other deletions come back")
                    }
                }))
    }

    // MARK: The log

    private static func logs() throws -> [FuzzInput] {
        try [0, 1, 5].map { count in
            let disk = disk()
            var random = SeededGenerator(seed: UInt64(count))
            let (log, _) = unsafe try WriteAheadLog.open(
                fileSystem: disk, directory: directory, after: .zero,
                options: WriteAheadLog.Options(logID: logID), replay: { _, _ in })
            for number in 0..<count {
                // Every other one is compressed.
                let isRandom = number % 2 == 0
                let lsn = try log.append(
                    (0..<(20 + 60 * number)).map { _ in
                        isRandom ? UInt8(truncatingIfNeeded: random.next()) : 7
                    })
                try log.waitUntilDurable(lsn)
            }
            let name = FileName.wal(firstSequenceNumber: SequenceNumber(1))
            let open = try disk.bytes(of: "d/\(name)")
            try log.close()
            let closed = try disk.bytes(of: "d/\(name)")
            return [
                FuzzInput(name: "log~open\(count)", bytes: open),
                FuzzInput(name: "log~closed\(count)", bytes: closed),
            ]
        }.flatMap { $0 }
    }

    @Test("Log files") func logFile() async throws {
        let disk = Self.disk()
        try await fuzz(
            FuzzTarget(
                name: "log", repair: Self.repairing(.wal), samples: { try Self.logs() },
                run: { input in
                    try disk.put(input.bytes, at: "d/file.wal")
                    return try refusing(with: StorageError.self) {
                        let log = try WALDescription.describe(fileSystem: disk, path: "d/file.wal")
                        let records = log.records.reduce(40) {
                            $0 + 32 + $1.header.storedByteCount
                        }
                        try expect(
                            records + log.tailByteCount == input.bytes.count,
                            "records and tail are not the file")
                    }
                }))
    }

    @Test("Opening a log") func openLog() async throws {
        let path = "d/" + FileName.wal(firstSequenceNumber: SequenceNumber(1))
        try await fuzz(
            FuzzTarget(
                name: "log-open", repair: Self.repairing(.wal), samples: { try Self.logs() },
                run: { input in
                    let disk = Self.disk()
                    try disk.put(input.bytes, at: path)
                    return try refusing(with: StorageError.self) {
                        let batches = try Self.appending([1, 2, 3], to: disk)
                        // What was acknowledged before and now is there again, in order.
                        var found: [[UInt8]] = []
                        _ = unsafe try LogFiles.replay(
                            fileSystem: disk, directory: Self.directory, after: .zero,
                            logID: Self.logID
                        ) { _, bytes in found.append(unsafe Array(bytes)) }
                        try expect(found == batches, "the log lost a batch")
                    }
                }))
    }

    /// The batches of the log with a further one.
    private static func appending(
        _ batch: [UInt8], to disk: SimulatedFileSystem
    ) throws -> [[UInt8]] {
        var batches: [[UInt8]] = []
        let (log, _) = unsafe try WriteAheadLog.open(
            fileSystem: disk, directory: directory, after: .zero,
            options: WriteAheadLog.Options(logID: logID)
        ) { _, bytes in batches.append(unsafe Array(bytes)) }
        try log.waitUntilDurable(try log.append(batch))
        try log.close()
        return batches + [batch]
    }

    // MARK: Segments and archives

    @Test("Segment files and blocks of rows") func segment() async throws {
        let disk = Self.disk()
        try await fuzz(
            FuzzTarget(
                name: "segment", repair: Self.repairing(.segment),
                samples: { try Self.segments() },
                run: { input in
                    try disk.put(input.bytes, at: "d/1.seg")
                    let faults = StorageCheck.segment(fileSystem: disk, path: "d/1.seg")
                    return try refusing(with: StorageError.self) {
                        let reader = try SegmentReader.open(fileSystem: disk, path: "d/1.seg")
                        for section in reader.sections {
                            _ = unsafe try reader.section(section.name).count
                        }
                        let rows = try RowBlockReader(reader, prefix: "p")
                        for row in [0, 1, rows.rowCount / 2, rows.rowCount - 1] where row >= 0 {
                            _ = try rows.row(row)
                        }
                        if faults.isEmpty {
                            var count = 0
                            try rows.forEachRow(in: 0..<rows.rowCount) { _, _ in count += 1 }
                            try expect(count == rows.rowCount, "rows are missing")
                        }
                    }
                }))
    }

    private static func segments() throws -> [FuzzInput] {
        try [1, 40].map { rowCount in
            let disk = disk()
            let writer = try SegmentWriter(fileSystem: disk, path: "d/1.seg")
            var random = SeededGenerator(seed: UInt64(rowCount))
            try RowBlockWriter.addSections(to: writer, prefix: "p", blockByteCount: 96) { rows in
                for row in 0..<rowCount {
                    let isRandom = row % 8 < 4
                    try rows.append(
                        (0..<(row % 13)).map { _ in
                            isRandom ? UInt8(truncatingIfNeeded: random.next()) : 9
                        })
                }
            }
            try writer.finish()
            return FuzzInput(name: "segment~\(rowCount)", bytes: try disk.bytes(of: "d/1.seg"))
        }
    }

    @Test("Archives") func archive() async throws {
        let disk = Self.disk()
        try await fuzz(
            FuzzTarget(
                name: "archive", tokens: ["..", "/", "a", "\u{0}", "%2e"],
                repair: Self.repairing(.archive),
                samples: {
                    let names = ["APUS", "books/00000001.seg", "books/CURRENT", "empty"]
                    let stream = ArchiveStream(
                        names.compactMap { RelativePath($0) }.enumerated().map { number, name in
                            ArchiveStream.Source(
                                name: name,
                                bytes: [UInt8](repeating: UInt8(number), count: (3 - number) * 11))
                        })
                    try disk.write(stream, to: "d/archive")
                    return [FuzzInput(name: "archive~0", bytes: try disk.bytes(of: "d/archive"))]
                },
                run: { input in
                    try disk.put(input.bytes, at: "d/archive")
                    return try refusing(with: StorageError.self) {
                        try Self.readArchive(input.bytes, disk)
                    }
                }))
    }

    /// An archive that is read to its end is written as the same bytes.
    private static func readArchive(_ bytes: [UInt8], _ disk: SimulatedFileSystem) throws {
        var reader = try ArchiveReader(fileSystem: disk, path: "d/archive")
        var sources: [ArchiveStream.Source] = []
        while let entry = try reader.nextEntry() {
            var content: [UInt8] = []
            while let piece = try reader.nextPiece() { content += piece }
            try expect(content.count == Int(entry.byteCount), "a content of another size")
            sources.append(ArchiveStream.Source(name: entry.name, bytes: content))
        }
        var stream = ArchiveStream(sources)
        var again: [UInt8] = []
        while let piece = try stream.next() { again += piece }
        try expect(again == bytes, "another archive comes back")
    }
}
