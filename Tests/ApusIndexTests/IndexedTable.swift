import ApusCore
import ApusIndex
import TestSupport

/// Rows with payloads, their indexes, and what `CompiledFilter` says of them.
struct IndexedTable {
    let payloads: [Payload]
    let encoded: [[UInt8]]
    var indexes: [PayloadPath: PayloadIndex] = [:]

    init(seed: UInt64, count: Int) throws {
        var random = SeededGenerator(seed: seed)
        try self.init(
            (0..<count).map { _ in RandomFilters.payload(&random) }, fields: RandomFilters.fields)
    }

    init(_ payloads: [Payload], fields: [PayloadPath: PayloadFieldSchema]) throws {
        self.payloads = payloads
        encoded = try payloads.map { payload in
            var writer = ByteWriter()
            try writer.write(payload: payload)
            return writer.bytes
        }
        for (field, schema) in fields {
            indexes[field] = try PayloadIndex(
                copying: bytes(field, schema), of: field, schema)
        }
    }

    func bytes(_ field: PayloadPath, _ schema: PayloadFieldSchema) -> [UInt8] {
        var builder = PayloadIndexBuilder(field, schema, rowCount: encoded.count)
        for (row, bytes) in encoded.enumerated() {
            unsafe bytes.withUnsafeBytes { builder.add(unsafe EncodedPayload($0), at: row) }
        }
        return builder.encoded()
    }

    var filter: IndexedFilter {
        IndexedFilter(
            rowCount: payloads.count,
            rowsOfIDs: { ids in
                payloads.indices.filter { ids.contains(.number(UInt64($0))) }
            },
            index: { indexes[$0] })
    }

    func rows(_ filter: Filter) throws -> RowSet? { try self.filter.rows(filter) }

    func estimate(_ filter: Filter) throws -> FilterEstimate { try self.filter.estimate(filter) }

    func matches(_ filter: Filter) -> Set<Int> {
        let compiled = CompiledFilter(
            filter, schema: RandomFilters.fields.filter { $0.value.type == .text })
        return Set(
            payloads.indices.filter { row in
                compiled.matches(
                    id: .number(UInt64(row)), payload: payloads[row], hasVector: { _ in true })
            })
    }
}
