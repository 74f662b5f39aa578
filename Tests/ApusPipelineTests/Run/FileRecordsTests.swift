import ApusCore
import ApusPipeline
import Testing

@Suite struct FileRecordsTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "a.jsonl", (0..<5).map { "{\"id\": \($0), \"text\": \"a\($0)\"}\n" }.joined())
        try folder.write("b.csv", "id,text\n1,\"x, \"\"y\"\"\nz\"\r\n2,short,more\n\n3,last")
        try folder.write("c.md", "# Head\n\nBody.\n")
        try folder.write("d.bin", "not read")
    }

    private func records(
        at position: JSONValue? = nil, limit: Int = 100
    ) async throws -> [(record: SourceRecord, position: JSONValue)] {
        let source = try await FileOrigin(path: folder.path).open(at: position)
        var found: [(SourceRecord, JSONValue)] = []
        while let batch = try await source.next(ReadLimit(records: limit, bytes: 1 << 20)) {
            found += batch.records.map { ($0, batch.position) }
        }
        return found
    }

    @Test("Lines, rows and documents are records, in the order of their files")
    func all() async throws {
        let found = try await records()
        #expect(
            found.map(\.record.key) == [
                "a.jsonl#1", "a.jsonl#2", "a.jsonl#3", "a.jsonl#4", "a.jsonl#5", "b.csv#2",
                "b.csv#4", "b.csv#6", "c.md",
            ])
        guard case .put(let row) = found[5].record.change else {
            Issue.record("no row")
            return
        }
        #expect(row.fields == ["id": "1", "text": "x, \"y\"\nz"])
        guard case .malformed(let reason, _) = found[6].record.change else {
            Issue.record("a row with too many values")
            return
        }
        #expect(reason == "3 values, and 2 columns")
    }

    @Test("Whatever the limit, reading goes on behind every position with what is left")
    func positions() async throws {
        let all = try await records().map(\.record.key)
        for limit in 1...4 {
            let found = try await records(limit: limit)
            #expect(found.map(\.record.key) == all)
            for (index, entry) in found.enumerated()
            where index + 1 == found.count || found[index + 1].position != entry.position {
                let rest = try await records(at: entry.position).map(\.record.key)
                #expect(rest == Array(all[(index + 1)...]), "behind \(entry.record.key)")
            }
        }
    }

    @Test("A file that changed is read again from its start")
    func changed() async throws {
        let position = try await records(limit: 3)[0].position
        try folder.write("a.jsonl", "{\"id\": 9, \"text\": \"new\"}\n")
        let keys = try await records(at: position).map(\.record.key)
        #expect(keys.first == "a.jsonl#1" && keys.count == 5)
    }

    @Test("A quote that is never closed does not take the process with it")
    func openQuote() async throws {
        try folder.write("b.csv", "id,text\n1,\"never closed\n2,x\n")
        let found = try await records()
        guard case .malformed(let reason, _) = found[5].record.change else {
            Issue.record("no malformed row")
            return
        }
        #expect(reason == "a quoted value without its end")
    }

    @Test("A folder that is not there ends the run, and is no empty source")
    func missing() async throws {
        let source = try await FileOrigin(path: folder.file("nowhere")).open(at: nil)
        await #expect(throws: StageError.self) {
            _ = try await source.next(ReadLimit(records: 1, bytes: 1))
        }
    }
}
