import ApusCore
import ApusPipeline
import Foundation
import Testing

/// Files that pyarrow wrote (`Fixtures/arrow/make_files.py`).
@Suite struct ArrowTests {
    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/arrow")
    private static let names = ["file", "stream", "lz4", "zstd", "dictionary", "views"]

    private static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: fixtures.appending(path: "\(name).arrow")))
    }

    private static func rows(
        _ content: [UInt8], pieceSize: Int = 100, wanted: Set<String>? = nil,
        skipping count: Int = 0
    ) async throws -> [Payload] {
        let source = BytesInMemory(path: "m.arrow", content: content, pieceSize: pieceSize)
        var rows = try await ArrowRows(source, wanted: wanted)
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
        // In pieces of a few bytes, and of the whole file.
        for size in [1, 100, 1 << 20] {
            #expect(try await Self.rows(content, pieceSize: size) == Self.expected)
        }
    }

    @Test(arguments: names) func columnsThatNobodyWantsAreNotRead(name: String) async throws {
        let content = try Self.bytes(name)
        let rows = try await Self.rows(content, wanted: ["meta", "text", "none"])
        #expect(rows == Self.expected.map { $0.filter { ["meta", "text"].contains($0.key) } })
        #expect(try await Self.rows(content, wanted: []) == Array(repeating: [:], count: 40))
    }

    @Test(arguments: names) func rowsArePassedOver(name: String) async throws {
        let content = try Self.bytes(name)
        for count in [0, 1, 15, 16, 17, 32, 39, 40, 41] {
            let rows = try await Self.rows(content, skipping: count)
            #expect(rows == Array(Self.expected.dropFirst(count)))
        }
    }

    @Test(arguments: names) func damageIsAnErrorAndNeverATrap(name: String) async throws {
        let content = try Self.bytes(name)
        for position in stride(from: name.count % 5, to: content.count, by: 5) {
            var damaged = content
            damaged[position] ^= [0x01, 0x80, 0xff][position % 3]
            do {
                var rows = try await ArrowRows(
                    BytesInMemory(content: damaged, pieceSize: 1 << 16))
                while rows.row < 10_000, try await rows.next() != nil {}
            } catch is PipelineError {}
        }
    }

    @Test(arguments: names) func aFileThatWasCutHasNoRowsBehindTheCut(name: String) async throws {
        let content = try Self.bytes(name)
        for count in stride(from: 0, to: content.count - 1, by: 7) {
            do {
                var rows = try await ArrowRows(BytesInMemory(content: Array(content.prefix(count))))
                while case .fields(let fields)? = try await rows.next() {
                    #expect(fields == Self.expected[rows.row - 1])
                }
            } catch is PipelineError {}
        }
    }

    @Test func whatIsNoArrowFileIsToldByItsBytes() async throws {
        for content in [[], Array("PAR1xxxxxxxx".utf8), Array("{\"a\": 1}".utf8)] {
            let error = await #expect(throws: PipelineError.self) {
                _ = try await ArrowRows(BytesInMemory(path: "m.arrow", content: content))
            }
            #expect(error?.description.hasPrefix("m.arrow") == true)
        }
    }

    @Test func aBatchThatCannotBeReadIsNamed() async throws {
        var content = try Self.bytes("lz4")
        // In the second record batch's body.
        let position = content.count / 2
        for index in position..<(position + 64) { content[index] = 0x55 }
        let damaged = content
        let error = await #expect(throws: PipelineError.self) { try await Self.rows(damaged) }
        #expect(error?.description.contains("record batch") == true)
    }
}
