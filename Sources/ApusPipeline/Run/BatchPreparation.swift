internal import ApusCore

/// Turns records into what is to become of a collection: maps them, cuts them, leaves alone what is
/// there already, and embeds the rest.
package struct BatchPreparation: Sendable {
    /// The pipeline's name, which is part of the ids.
    let pipeline: String
    let mapping: RecordMapping
    /// nil: a record is one chunk.
    let chunker: Chunker?
    /// nil: records have vectors of their own.
    let embedder: ReliableEmbedder?
    /// The vector field.
    let field: String
    /// A record with more chunks is set aside.
    let chunksMax: Int
    /// Changes with everything that changes what is written for the same record.
    let signature: String
    let sink: any PipelineSink
    let monitor: PipelineMonitor

    /// What a batch comes to.
    struct Prepared: Sendable {
        var deletes: [PointID] = []
        var upserts: [Point] = []
        var letters: [DeadLetter] = []
        var keys = Keys()
        var counters = PipelineCounters()
        var recordTime: Int64?
    }

    /// What a batch says of the keys that the source has.
    struct Keys: Sendable {
        /// The first chunks' ids of all keys that are not deleted.
        var heads: [PointID] = []
        /// Where the first record stands that has no key.
        var unnamed: String?
    }

    /// A record that is to be in the collection, cut into its chunks.
    private struct Planned {
        var record: SourceRecord
        /// The first chunk's id.
        var head: PointID
        var mapped: MappedRecord
        var texts: [Chunk]
        var version: String
        /// Of each chunk.
        var hashes: [String]
        var vectors: [[Float]?]
        /// What is in the collection under the key.
        var stored: ChunkPoint?
    }

    func prepare(_ batch: SourceBatch) async throws -> Prepared {
        var prepared = Prepared()
        prepared.counters.read = batch.records.count
        prepared.counters.batches = 1
        prepared.recordTime = batch.records.compactMap(\.time).max()
        let records = lastOfEachKey(batch.records, &prepared)
        let heads = records.map { head(of: $0.key) }
        let stored = try await stored(heads)
        var planned: [Planned] = []
        planned.reserveCapacity(records.count)
        for (record, head) in zip(records, heads) {
            if case .delete = record.change {} else { prepared.keys.heads.append(head) }
            plan(record, head, stored[record.key], &planned, &prepared)
        }
        try await reuseVectors(&planned, &prepared)
        let refused = try await embed(&planned, &prepared)
        for (index, record) in planned.enumerated() {
            if let reason = refused[index] {
                setAside(record.record, stage: "embed", reason, &prepared)
            } else {
                add(record, &prepared)
            }
        }
        return prepared
    }

    // MARK: Records

    /// The last record of each key, in the order of the source; malformed ones are set aside.
    private func lastOfEachKey(
        _ records: [SourceRecord], _ prepared: inout Prepared
    ) -> [SourceRecord] {
        var seen: Set<String> = []
        var kept: [SourceRecord] = []
        for record in records.reversed() {
            if case .malformed(let reason, _) = record.change {
                if record.key.isEmpty {
                    prepared.keys.unnamed = record.place
                } else {
                    prepared.keys.heads.append(head(of: record.key))
                }
                setAside(record, stage: "source", reason, &prepared)
            } else if seen.insert(record.key).inserted {
                kept.append(record)
            } else {
                prepared.counters.superseded += 1
            }
        }
        prepared.letters.reverse()
        return kept.reversed()
    }

    private func head(of key: String) -> PointID {
        ChunkPoint.id(pipeline: pipeline, key: key, chunk: 0)
    }

    /// The first chunks that are in the collection, by key.
    private func stored(_ ids: [PointID]) async throws -> [String: ChunkPoint] {
        let heads = try await sink.heads(ids, of: pipeline)
        return Dictionary(heads.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
    }

    private func plan(
        _ record: SourceRecord, _ head: PointID, _ stored: ChunkPoint?,
        _ planned: inout [Planned], _ prepared: inout Prepared
    ) {
        switch record.change {
        case .malformed: return
        case .delete:
            prepared.counters.deleted += 1
            remove(record.key, from: 0, stored, &prepared)
        case .put(let content):
            switch mapping.map(content) {
            case .invalid(let reason): setAside(record, stage: "map", reason, &prepared)
            case .leftOut:
                prepared.counters.leftOut += 1
                remove(record.key, from: 0, stored, &prepared)
            case .document(let mapped): plan(record, head, mapped, stored, &planned, &prepared)
            }
        }
    }

    private func plan(
        _ record: SourceRecord, _ head: PointID, _ mapped: MappedRecord, _ stored: ChunkPoint?,
        _ planned: inout [Planned], _ prepared: inout Prepared
    ) {
        let version: String
        do {
            version = try self.version(of: mapped)
        } catch {
            return setAside(record, stage: "map", error.message, &prepared)
        }
        if stored?.version == version {
            prepared.counters.unchanged += 1
            return
        }
        let texts = chunks(of: mapped)
        guard texts.count <= chunksMax else {
            let reason = "\(texts.count) chunks, of at most \(chunksMax) that a record may have"
            return setAside(record, stage: "map", reason, &prepared)
        }
        planned.append(
            Planned(
                record: record, head: head, mapped: mapped, texts: texts, version: version,
                hashes: texts.map { ChunkPoint.hash(of: [signature, $0.text]) },
                vectors: texts.map { _ in mapped.vector }, stored: stored))
    }

    private func chunks(of mapped: MappedRecord) -> [Chunk] {
        let document = mapped.document
        guard mapped.vector == nil, let chunker else {
            let all = 0..<document.bytes.count
            let isBlank = document.bytes.allSatisfy { $0 <= 0x20 }
            if isBlank, mapped.vector == nil { return [] }
            return [Chunk(text: document.string(all), source: all)]
        }
        return chunker.chunks(of: document)
    }

    private func version(of mapped: MappedRecord) throws(DatabaseError) -> String {
        var writer = ByteWriter()
        writer.writeString(signature)
        try writer.write(payload: mapped.payload)
        writer.write(bytes: mapped.document.bytes)
        if let vector = mapped.vector { writer.write(vector) }
        return ChunkPoint.hash(of: writer.bytes)
    }

    // MARK: Vectors

    /// Takes over the vectors of chunks whose text is in the collection under the same key.
    private func reuseVectors(_ planned: inout [Planned], _ prepared: inout Prepared) async throws {
        guard embedder != nil else { return }
        let ids = planned.flatMap { record in
            (0..<(record.stored?.count ?? 0)).map {
                ChunkPoint.id(pipeline: pipeline, key: record.record.key, chunk: $0)
            }
        }
        guard !ids.isEmpty else { return }
        var vectors: [String: [Float]] = [:]
        for point in try await sink.points(ids, withVectors: true) {
            guard let chunk = ChunkPoint(point.payload),
                case .dense(let vector)? = point.vectors?[field]
            else { continue }
            vectors[chunk.hash] = vector
        }
        for index in planned.indices {
            for chunk in planned[index].hashes.indices {
                guard let vector = vectors[planned[index].hashes[chunk]] else { continue }
                planned[index].vectors[chunk] = vector
                prepared.counters.reused += 1
            }
        }
    }

    /// Embeds what has no vector yet, equal texts once. Returns why records cannot be, by their place.
    private func embed(
        _ planned: inout [Planned], _ prepared: inout Prepared
    ) async throws -> [Int: String] {
        guard let embedder else { return [:] }
        var texts: [String] = []
        var places: [String: Int] = [:]
        for record in planned {
            for (chunk, text) in record.texts.enumerated()
            where record.vectors[chunk] == nil && places[text.text] == nil {
                places[text.text] = texts.count
                texts.append(text.text)
            }
        }
        let vectors = try await embedder.embed(texts) { [monitor] in monitor.note($0) }
        prepared.counters.embedded += texts.count
        var refused: [Int: String] = [:]
        for index in planned.indices {
            for (chunk, text) in planned[index].texts.enumerated()
            where planned[index].vectors[chunk] == nil {
                guard let place = places[text.text] else { continue }
                switch vectors[place] {
                case .success(let vector): planned[index].vectors[chunk] = vector
                case .failure(let refusal): refused[index] = "chunk \(chunk): \(refusal.reason)"
                }
            }
        }
        return refused
    }

    // MARK: Points

    private func add(_ record: Planned, _ prepared: inout Prepared) {
        prepared.counters.written += 1
        prepared.counters.chunks += record.texts.count
        for (number, chunk) in record.texts.enumerated() {
            var payload = record.mapped.payload
            if let member = mapping.textMember, !chunk.text.isEmpty {
                payload[member] = .string(chunk.text)
            }
            if !chunk.headings.isEmpty {
                payload["headings"] = .array(chunk.headings.map { .string($0) })
            }
            payload[ChunkPoint.member] =
                ChunkPoint(
                    key: record.record.key, chunk: number, count: record.texts.count,
                    version: record.version, hash: record.hashes[number]
                ).value
            var vectors: [String: Vector] = [:]
            if let vector = record.vectors[number], vector.contains(where: { $0 != 0 }) {
                vectors[field] = .dense(vector)
            } else {
                // A vector without direction: nothing in the text is known to the embedder.
                prepared.counters.withoutVector += 1
            }
            prepared.upserts.append(
                Point(
                    id: number == 0
                        ? record.head
                        : ChunkPoint.id(
                            pipeline: pipeline, key: record.record.key, chunk: number),
                    vectors: vectors, payload: payload))
        }
        prepared.counters.pointsUpserted += record.texts.count
        remove(record.record.key, from: record.texts.count, record.stored, &prepared)
    }

    /// Deletes the chunks of a key that are in the collection, from one on.
    private func remove(
        _ key: String, from first: Int, _ stored: ChunkPoint?, _ prepared: inout Prepared
    ) {
        guard let count = stored?.count, first < count else { return }
        prepared.counters.pointsDeleted += count - first
        prepared.deletes += (first..<count).map {
            ChunkPoint.id(pipeline: pipeline, key: key, chunk: $0)
        }
    }

    private func setAside(
        _ record: SourceRecord, stage: String, _ cause: String, _ prepared: inout Prepared
    ) {
        let text: String =
            switch record.change {
            case .put(let content): JSONValue.object(content.fields).jsonText
            case .malformed(_, let raw): raw
            case .delete: ""
            }
        prepared.counters.setAside += 1
        prepared.letters.append(
            DeadLetter(
                pipeline: pipeline, key: record.key, place: record.place, stage: stage,
                cause: cause, record: String(text.prefix(Self.recordLengthMax))))
    }

    /// Characters of a record that a dead letter keeps.
    private static let recordLengthMax = 65_536
}
