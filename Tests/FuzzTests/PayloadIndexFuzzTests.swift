import ApusCore
import ApusIndex
import TestSupport
import Testing

/// Payload indexes in segment files: one byte that tells the field, then the section.
@Suite("Fuzzing payload indexes") struct PayloadIndexFuzzTests {
    private static let rowCount = 80
    private static let fields = RandomFilters.fields.sorted {
        $0.key.description < $1.key.description
    }

    private static func samples() throws -> [FuzzInput] {
        var random = SeededGenerator(seed: 21)
        let payloads = try (0..<rowCount).map { _ in
            var writer = ByteWriter()
            try writer.write(payload: RandomFilters.payload(&random))
            return writer.bytes
        }
        return fields.enumerated().map { position, entry in
            var builder = PayloadIndexBuilder(entry.key, entry.value, rowCount: rowCount)
            for (row, payload) in payloads.enumerated() {
                unsafe payload.withUnsafeBytes { builder.add(unsafe EncodedPayload($0), at: row) }
            }
            return FuzzInput(
                name: "values~\(entry.value.type.rawValue)-\(position)",
                bytes: [UInt8(position)] + builder.encoded())
        }
    }

    @Test("Payload indexes in segment files") func payloadIndexes() async throws {
        var random = SeededGenerator(seed: 22)
        let filters = (0..<12).map { _ in RandomFilters.filter(&random) }
        try await fuzz(
            FuzzTarget(
                name: "values", samples: { try Self.samples() },
                run: { input in
                    let (field, schema) =
                        Self.fields[Int(input.bytes.first ?? 0) % Self.fields.count]
                    return try refusing(with: MalformedBytes.self) {
                        let index = try PayloadIndex(
                            copying: Array(input.bytes.dropFirst()), of: field, schema)
                        // Bytes may say that there are more rows; a segment refuses that.
                        guard index.rowCount <= 10_000 else { return }
                        let indexed = IndexedFilter(
                            rowCount: index.rowCount, rowsOfIDs: { _ in [0] }
                        ) { $0 == field ? index : nil }
                        for filter in filters {
                            let found = try indexed.rows(filter)
                            try expect(
                                found?.rows.count ?? index.rowCount == index.rowCount,
                                "an answer of another size")
                        }
                    }
                }))
    }
}
