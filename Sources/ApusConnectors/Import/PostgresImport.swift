package import ApusCore
internal import ApusPipeline

/// A table of PostgreSQL with a column of pgvector: the key is the id, where it is a number or a UUID,
/// the other columns are payload.
package struct PostgresImport: PointImport {
    private let settings: PostgresOrigin.Settings
    private let key: String
    private let column: String
    private let distance: String

    /// `distance` as the wire API calls it.
    package init(
        connection: Reference, table: String, key: String, vector: String, distance: String
    ) {
        settings = PostgresOrigin.Settings(connection: connection, table: table, key: key)
        self.key = key
        column = vector
        self.distance = distance
    }

    package var identity: String { "postgres \(settings.table).\(column)" }

    package func settings() async throws -> JSONValue {
        guard let point = try await page(behind: nil, limit: 1)?.points.first,
            case .dense(let vector)? = point.vectors[defaultVectorName]
        else {
            throw StageError(
                .fatal, stage: "source", "\(settings.table) has no row with a vector in \(column)")
        }
        return .object([
            "vectors": .object([
                "size": .integer(Int64(vector.count)), "distance": .string(distance),
            ])
        ])
    }

    package func count() async throws -> Int {
        let settings = settings
        let thread = BlockingThread<PostgresConnection>(name: "postgres")
        let rows: [[String?]]
        do {
            rows = try await thread.run(making: {
                try PostgresConnection(try settings.connection.value(), stage: "source")
            }) { try $0.rows("SELECT count(*) FROM \(settings.table)") }
        } catch {
            await thread.close()
            throw error
        }
        await thread.close()
        return rows.first?.first?.flatMap { Int($0) } ?? 0
    }

    package func page(behind position: JSONValue?, limit: Int) async throws -> ImportPage? {
        let source = try await PostgresOrigin(settings).open(at: position)
        let batch: SourceBatch?
        do {
            batch = try await source.next(ReadLimit(records: limit, bytes: 64 << 20))
        } catch {
            await source.close()
            throw error
        }
        await source.close()
        guard let batch, !batch.records.isEmpty else { return nil }
        var points: [Point] = []
        for record in batch.records { points.append(try point(of: record)) }
        return ImportPage(points: points, position: batch.position)
    }

    private func point(of record: SourceRecord) throws(StageError) -> Point {
        guard case .put(let content) = record.change else {
            throw StageError(.fatal, stage: "source", "\(record.place) cannot be read")
        }
        var payload = content.fields
        let value = payload.removeValue(forKey: key)
        let id = ImportedVector.id(named: record.key, keeping: key, in: &payload)
        // As the column has it, which may be a number that is no id.
        if payload[key] != nil { payload[key] = value }
        let written = payload.removeValue(forKey: column) ?? .null
        guard written != .null else { return Point(id: id, vectors: [:], payload: payload) }
        guard case .string(let text) = written,
            let array = try? JSONParser.value(in: Array(text.utf8)),
            let vector = ImportedVector.vector(array)
        else {
            throw StageError(.fatal, stage: "source", "\(record.place): \(column) is no vector")
        }
        return Point(id: id, vectors: [defaultVectorName: vector], payload: payload)
    }
}
