import ApusCore
import ApusPipeline
import Foundation
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Readers of files that people bring.
@Suite("Fuzzing file readers") struct PipelineFuzzTests {
    private static let extensions = ["npy", "fvecs", "bvecs", "ivecs"]

    @Test("Rows: npy, fvecs, bvecs, ivecs") func rows() async throws {
        let paths = Dictionary(
            uniqueKeysWithValues: Self.extensions.map { ($0, InputPath("rows.\($0)")) })
        try await fuzz(
            FuzzTarget(
                name: "rows",
                tokens: [
                    "<f4", "<f2", "|u1", "<i8", ">f4", "True", "'shape': (", "(3, 2)", "(,)",
                    "(18446744073709551615, 2)", "'descr'", "}", "\u{93}NUMPY", "0x10",
                ],
                samples: { Self.rowSamples() },
                run: { input in
                    guard let path = paths[input.purpose] else { return .refused }
                    try path.write(input.bytes)
                    return try refusing(with: PipelineError.self) {
                        let file = try RowFile(path: path.path)
                        let count = min(file.layout.rowCount, 50)
                        switch file.layout.element {
                        case .float16, .float32, .float64, .uint8:
                            let rows = try file.floats(0..<count)
                            try expect(
                                rows.values.count == count * file.layout.width, "rows are missing")
                            if file.layout.rowCount > 0 {
                                _ = try file.floats(
                                    (file.layout.rowCount - 1)..<file.layout.rowCount)
                            }
                        case .int32, .int64:
                            _ = try file.ids(0..<count)
                        }
                    }
                }))
    }

    @Test("Tables of HDF5 files") func hdf5() async throws {
        let path = InputPath("tables.hdf5")
        try await fuzz(
            FuzzTarget(
                name: "hdf5",
                tokens: [
                    "TREE", "SNOD", "HEAP", "GCOL", "OHDR", "OCHK", "train\u{0}", "distance\u{0}",
                ],
                // What h5py wrote; there is no encoder of ours.
                fixtures: {
                    let folder = FuzzCorpus.fixtures.appending(path: "hdf5")
                    return try ["plain", "newest", "chunked", "one-chunk", "compressed"].map {
                        FuzzInput(
                            name: "hdf5~\($0)",
                            bytes: Array(try Data(contentsOf: folder.appending(path: "\($0).hdf5")))
                        )
                    }
                },
                samples: { [] },
                run: { input in
                    try path.write(input.bytes)
                    return try refusing(with: PipelineError.self) {
                        let file = try HDF5File(path: path.path)
                        _ = try file.text(attribute: "distance")
                        for name in file.names.prefix(50) { try Self.readTable(name, of: file) }
                    }
                }))
    }

    /// Bytes that are read like a file.
    private struct InputBytes: RangedBytes {
        let path = "fuzz"
        let content: [UInt8]
        let pieceSize = 1 << 16

        var size: Int { content.count }

        func bytes(at offset: Int, count: Int) async throws -> [UInt8] {
            Array(content.dropFirst(offset).prefix(count))
        }
    }

    @Test("Rows of Parquet files") func parquet() async throws {
        try await fuzz(
            FuzzTarget(
                name: "parquet", tokens: ["PAR1", "PARE", "list", "element", "\u{15}\u{2}"],
                // What pyarrow wrote.
                fixtures: {
                    let folder = FuzzCorpus.fixtures.appending(path: "parquet")
                    return try ["plain", "dictionary", "zstd", "gzip", "lz4"].map {
                        FuzzInput(
                            name: "parquet~\($0)",
                            bytes: Array(
                                try Data(contentsOf: folder.appending(path: "\($0).parquet"))))
                    }
                },
                samples: { [] },
                run: { input in
                    do {
                        let file = try await ParquetFile(InputBytes(content: input.bytes))
                        var rows = try ParquetRows(file)
                        var count = 0
                        while count < 2_000, try await rows.next() != nil { count += 1 }
                        try expect(count <= file.rowCount, "rows that the file does not have")
                        return .accepted
                    } catch let error as PipelineError {
                        FuzzSettings.tell(error)
                        return .refused
                    }
                }))
    }

    @Test("Rows of Arrow files and streams") func arrow() async throws {
        try await fuzz(
            FuzzTarget(
                name: "arrow", tokens: ["ARROW1", "\u{0}\u{0}\u{0}\u{0}", "\u{8}\u{0}\u{8}\u{0}"],
                // What pyarrow wrote.
                fixtures: {
                    let folder = FuzzCorpus.fixtures.appending(path: "arrow")
                    return try ArrowFixture.allCases.map {
                        FuzzInput(
                            name: "arrow~\($0)",
                            bytes: Array(
                                try Data(contentsOf: folder.appending(path: "\($0).arrow"))))
                    }
                },
                samples: { [] },
                run: { input in
                    do {
                        var rows = try await ArrowRows(InputBytes(content: input.bytes))
                        var count = 0
                        while count < 2_000, try await rows.next() != nil { count += 1 }
                        try expect(count == rows.row, "rows that nobody counted")
                        return .accepted
                    } catch let error as PipelineError {
                        FuzzSettings.tell(error)
                        return .refused
                    }
                }))
    }

    private enum ArrowFixture: CaseIterable { case file, stream, lz4, zstd, dictionary, views }

    /// A table that is refused says nothing about the next one.
    private static func readTable(_ name: String, of file: HDF5File) throws {
        guard let rows = try? file.rows(name) else { return }
        let layout = rows.layout
        try expect(
            layout.rowCount * layout.stride <= file.file.size, "a table larger than its file")
        switch layout.element {
        case .float16, .float32, .float64, .uint8:
            guard let table = try? rows.floats(0..<layout.rowCount) else { return }
            try expect(table.values.count == layout.rowCount * layout.width, "rows are missing")
        case .int32, .int64: _ = try? rows.ids(0..<layout.rowCount)
        }
    }

    private static func rowSamples() -> [FuzzInput] {
        func npy(_ version: UInt8, _ descr: String, _ shape: String, _ count: Int) -> [UInt8] {
            var header = "{'descr': '\(descr)', 'fortran_order': False, 'shape': \(shape), }"
            header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
            let length: [UInt8] = version == 1 ? [118, 0] : [118, 0, 0, 0]
            return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(header.utf8)
                + (0..<count).map { UInt8(truncatingIfNeeded: $0) }
        }
        let row: [UInt8] = [2, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64]
        return [
            FuzzInput(name: "npy~f4", bytes: npy(1, "<f4", "(3, 2)", 24)),
            FuzzInput(name: "npy~f2", bytes: npy(2, "<f2", "(5, 3)", 30)),
            FuzzInput(name: "npy~u1", bytes: npy(3, "|u1", "(4, 4)", 16)),
            FuzzInput(name: "npy~i8", bytes: npy(1, "<i8", "(3,)", 24)),
            FuzzInput(name: "fvecs~0", bytes: row + row + row),
            FuzzInput(name: "ivecs~0", bytes: row + row),
            FuzzInput(name: "bvecs~0", bytes: [3, 0, 0, 0, 1, 2, 3, 3, 0, 0, 0, 9, 8, 7]),
        ]
    }

    private static let lines = """
        {"id": 7, "vector": [0.1, -2e3], "payload": {"year": 2024, "tags": ["a", null, true]}}
        {"id": "f47ac10b-58cc-4372-a567-0e02b2c3d479", "vector": {"text": [1, 2], "words": {"indices": [1, 5], "values": [0.5, 1]}, "tokens": [[1, 2], [3, 4]]}}

        {"id": 18446744073709551615, "vector": [1, 1E-45], "payload": {"s": "\\u00e9\\ud83d\\ude00\\n"}}
        """

    private static let tokens = [
        "{", "}", "[", "]", ":", ",", "\"", "\\u", "\\ud800", "1e999", "-0", "null", "true", "\n",
        "99999999999999999999", "\"id\"", "\"vector\"", "\"indices\"", "\"values\"", "é", "\u{0}",
    ]

    @Test("Lines of JSON") func jsonLines() async throws {
        let path = InputPath("lines.jsonl")
        try await fuzz(
            FuzzTarget(
                name: "jsonl", tokens: Self.tokens,
                samples: { [FuzzInput(name: "jsonl~0", bytes: Array(Self.lines.utf8))] },
                run: { input in
                    try path.write(input.bytes)
                    return try refusing(with: PipelineError.self) {
                        try Self.readLines(path.path)
                    }
                }))
    }

    private static func readLines(_ path: String) throws {
        let payloads = try LineReader(path: path)
        while let line = try payloads.next() { _ = try? payloads.payload(line) }
        var source = try JSONLinesSource(LineReader(path: path))
        while try !source.next(2).isEmpty {}
    }

    @Test("Gzip") func gzip() async throws {
        let path = InputPath("lines.jsonl.gz")
        try await fuzz(
            FuzzTarget(
                name: "gzip",
                samples: {
                    // What gzip makes of the same lines, twice over: two members.
                    let member = try Self.gzipped(Array(Self.lines.utf8))
                    return [
                        FuzzInput(name: "gzip~1", bytes: member),
                        FuzzInput(name: "gzip~2", bytes: member + member),
                    ]
                },
                run: { input in
                    try path.write(input.bytes)
                    return try refusing(with: PipelineError.self) {
                        let reader = try LineReader(path: path.path)
                        while try reader.next() != nil {}
                    }
                }))
    }

    @Test("How far an ingest got") func ingestCheckpoint() async throws {
        let path = InputPath("ingest.json")
        let rows = InputPath("rows.fvecs")
        try rows.write([2, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64])
        let file = CheckpointFile(path: path.path)
        // The file that is loaded has another path and another age with each run.
        var source = Checkpoint.Source(try InputFile(path: rows.path))
        (source.path, source.size, source.modified) = ("/rows.fvecs", 12, 1_700_000_000)
        let job = Checkpoint.Job(target: "./data", collection: "c", vectors: source)
        try await fuzz(
            FuzzTarget(
                name: "ingest", tokens: Self.tokens + ["\"rows\" : ", "9223372036854775807", "-1"],
                samples: {
                    try file.save(Checkpoint(job: job, rows: 7))
                    let bytes = Array(try Data(contentsOf: URL(filePath: path.path)))
                    return [FuzzInput(name: "ingest~0", bytes: bytes)]
                },
                run: { input in
                    try path.write(input.bytes)
                    // What cannot be read, or is of another job, lets a run begin at the first row.
                    let rows = file.acknowledgedRows(of: job)
                    try expect(rows >= 0, "\(rows) rows were acknowledged")
                    return rows > 0 ? .accepted : .refused
                }))
    }

    private static func gzipped(_ bytes: [UInt8]) throws -> [UInt8] {
        let folder = FileManager.default.temporaryDirectory
        let file = folder.appending(path: "apus-fuzz-\(getpid()).jsonl")
        let output = folder.appending(path: file.lastPathComponent + ".gz")
        defer { try? FileManager.default.removeItem(at: output) }
        try Data(bytes).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["gzip", "--no-name", "--force", file.path]
        try process.run()
        process.waitUntilExit()
        return Array(try Data(contentsOf: output))
    }
}
