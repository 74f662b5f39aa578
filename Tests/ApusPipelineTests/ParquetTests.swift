import ApusCore
import ApusPipeline
import Foundation
import Testing

/// Bytes that are read like a file.
struct BytesInMemory: RangedBytes {
    var path = "m.parquet"
    var content: [UInt8]
    var pieceSize = 100

    var size: Int { content.count }

    func bytes(at offset: Int, count: Int) async throws -> [UInt8] {
        Array(content.dropFirst(offset).prefix(count))
    }
}

/// Files that pyarrow wrote (`Fixtures/parquet/make_files.py`), and our own.
@Suite struct ParquetTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/parquet")
    private static let names = ["plain", "dictionary", "zstd", "gzip", "lz4"]

    private static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: fixtures.appending(path: "\(name).parquet")))
    }

    private static func rows(
        _ source: some RangedBytes, wanted: Set<String>? = nil, skipping count: Int = 0
    ) async throws -> [Payload] {
        var rows = try ParquetRows(try await ParquetFile(source), wanted: wanted)
        try await rows.skip(count)
        var all: [Payload] = []
        while let row = try await rows.next() {
            guard case .fields(let fields) = row else {
                Issue.record("row \(rows.row - 1): \(row)")
                continue
            }
            all.append(fields)
        }
        return all
    }

    /// What `make_files.py` says.
    private static let expected: [Payload] = (0..<40).map { n in
        let tags = (0..<(n % 4)).map { $0 == 2 ? JSONValue.null : .string("t\($0)") }
        let meta: JSONValue = .object([
            "a": .integer(Int64(n)),
            "b": .array((0..<(n % 3)).map { .object(["c": .integer(Int64($0))]) }),
        ])
        return [
            "id": .integer(Int64(n * n)),
            "text": n % 7 == 3 ? .null : .string("text \(n % 5)"),
            "flag": n % 5 == 0 ? .null : .bool(n % 3 == 0),
            "vector": [.double(Double(n) / 4), .double(Double(n) / 8), .double(Double(-n))],
            "tags": n % 6 == 0 ? .null : .array(tags),
            "meta": n % 9 == 0 ? .null : meta,
        ]
    }

    @Test(arguments: names) func everyWayOfWritingHasTheSameRows(name: String) async throws {
        let content = try Self.bytes(name)
        #expect(try await Self.rows(BytesInMemory(content: content)) == Self.expected)
        // In pieces of a few bytes, and of the whole file.
        for size in [1, 1 << 20] {
            let source = BytesInMemory(content: content, pieceSize: size)
            #expect(try await Self.rows(source) == Self.expected)
        }
    }

    @Test(arguments: names) func columnsThatNobodyWantsAreNotRead(name: String) async throws {
        let rows = try await Self.rows(
            BytesInMemory(content: Self.bytes(name)), wanted: ["meta", "flag", "none"])
        #expect(rows == Self.expected.map { $0.filter { ["meta", "flag"].contains($0.key) } })
        let none = try await Self.rows(BytesInMemory(content: Self.bytes(name)), wanted: [])
        #expect(none == Array(repeating: [:], count: 40))
    }

    @Test(arguments: names) func rowsArePassedOver(name: String) async throws {
        let source = BytesInMemory(content: try Self.bytes(name))
        for count in [0, 1, 15, 16, 17, 32, 39, 40, 41] {
            let rows = try await Self.rows(source, skipping: count)
            #expect(rows == Array(Self.expected.dropFirst(count)))
        }
    }

    @Test(arguments: names) func damageIsAnErrorAndNeverATrap(name: String) async throws {
        let content = try Self.bytes(name)
        for position in stride(from: name.count % 5, to: content.count, by: 5) {
            var damaged = content
            damaged[position] ^= [0x01, 0x80, 0xff][position % 3]
            do {
                var rows = try ParquetRows(
                    try await ParquetFile(BytesInMemory(content: damaged, pieceSize: 1 << 16)))
                while try await rows.next() != nil {}
            } catch is PipelineError {}
        }
    }

    @Test(arguments: names) func aFileThatWasCutIsNoFile(name: String) async throws {
        let content = try Self.bytes(name)
        for count in stride(from: 0, to: content.count, by: 7) {
            let source = BytesInMemory(content: Array(content.prefix(count)))
            await #expect(throws: PipelineError.self) { _ = try await ParquetFile(source) }
        }
    }

    @Test func aPageWithAnotherChecksumIsNamed() async throws {
        var content = try Self.bytes("dictionary")
        // In the first column's dictionary.
        content[60] ^= 1
        let source = BytesInMemory(content: content)
        let error = await #expect(throws: PipelineError.self) { try await Self.rows(source) }
        #expect(error?.description.contains("row group 0, column id, page 0") == true)
    }

    @Test func encryptedFilesAreRefusedByName() async throws {
        let content = try Self.bytes("plain").dropLast(4) + Array("PARE".utf8)
        let source = BytesInMemory(content: Array(content))
        let error = await #expect(throws: PipelineError.self) { _ = try await ParquetFile(source) }
        #expect(error?.description.contains("an encrypted footer") == true)
    }

    // MARK: Our own

    private static let fields = [
        VectorField(name: "", kind: .dense(dimension: 3)),
        VectorField(name: "rows", kind: .multi(dimension: 2)),
        VectorField(name: "words", kind: .sparse),
    ]

    private static func points(_ count: Int) -> [Point] {
        (0..<count).map { n in
            var vectors: [String: Vector] = [:]
            if n % 3 != 0 { vectors[""] = .dense([Float(n), 0.1, -1]) }
            if n % 4 != 1 {
                vectors["rows"] = .multi((0...(n % 3)).map { [Float($0), Float(n)] })
            }
            if n % 5 != 2 {
                vectors["words"] = .sparse(
                    SparseVector(
                        indices: (0..<UInt32(n % 4)).map { $0 * 7 + .max / 2 },
                        values: (0..<(n % 4)).map { Float($0) + 0.5 }))
            }
            let id: PointID =
                n % 2 == 0 ? .number(UInt64(n)) : .uuid(UUIDBytes(high: UInt64(n), low: 7))
            return Point(
                id: id, vectors: vectors,
                payload: ["n": .integer(Int64(n)), "t": .string("ü \(n)")])
        }
    }

    @Test(arguments: [1, 2, 500]) func pointsComeBackAsTheyWere(count: Int) async throws {
        let points = Self.points(count)
        var writer = ParquetPointWriter(fields: Self.fields)
        var content: [UInt8] = []
        for point in points {
            content += writer.append(id: point.id, vectors: point.vectors, payload: point.payload)
        }
        content += writer.finish()
        let folder = try TemporaryFolder()
        let file = try InputFile(path: folder.write("p.parquet", content))
        var source = try await ColumnSource(file)
        #expect(source.count == count)
        #expect(try await source.next(count + 1) == points)
        #expect(try await source.next(1).isEmpty)
        var again = try await ColumnSource(file)
        #expect(
            try await again.skip(count / 2).last == (count < 2 ? nil : points[count / 2 - 1].id))
        #expect(try await again.next(count) == Array(points.dropFirst(count / 2)))
    }

    @Test func aFileWithoutPointsHasNoRows() async throws {
        var writer = ParquetPointWriter(fields: Self.fields)
        let file = try await ParquetFile(BytesInMemory(content: writer.finish()))
        #expect(file.rowCount == 0)
        #expect(file.names == ["id", "vector", "vectors", "payload"])
    }

    @Test func columnsWithoutVectorsAreNamed() async throws {
        let path = Self.fixtures.appending(path: "plain.parquet").path
        var columns = ColumnSource.Columns()
        columns.vector = "embedding"
        let named = columns
        let error = await #expect(throws: PipelineError.self) {
            _ = try await ColumnSource(try InputFile(path: path), columns: named)
        }
        #expect(error?.description.contains("a column 'embedding' of vectors") == true)
    }
}
