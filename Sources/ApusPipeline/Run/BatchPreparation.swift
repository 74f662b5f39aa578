internal import ApusCore
private import ApusKernels

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
    let sink: any PipelineSink
    let monitor: PipelineMonitor
    /// Has taken what changes with everything that changes what is written for the same record: all
    /// hashes begin with that.
    private let signed: SHA256

    init(
        pipeline: String, mapping: RecordMapping, chunker: Chunker?, embedder: ReliableEmbedder?,
        field: String, chunksMax: Int, signature: String, sink: any PipelineSink,
        monitor: PipelineMonitor
    ) {
        self.pipeline = pipeline
        self.mapping = mapping
        self.chunker = chunker
        self.embedder = embedder
        self.field = field
        self.chunksMax = chunksMax
        self.sink = sink
        self.monitor = monitor
        var writer = ByteWriter()
        writer.writeString(signature)
        var signed = SHA256()
        signed.update(writer.bytes)
        self.signed = signed
    }

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
        var payload: Payload
        var version: String
        var chunks: [PlannedChunk]
        /// What is in the collection under the key.
        var stored: ChunkPoint?
    }

    private struct PlannedChunk {
        var chunk: Chunk
        /// Changes with what the vector comes from.
        var hash: String
        var vector: [Float]?
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
        prepared.upserts.reserveCapacity(planned.reduce(0) { $0 + $1.chunks.count })
        for index in planned.indices {
            if let reason = refused[index] {
                setAside(planned[index].record, stage: "embed", reason, &prepared)
            } else {
                add(&planned[index], &prepared)
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
        seen.reserveCapacity(records.count)
        var kept: [Int] = []
        kept.reserveCapacity(records.count)
        for (index, record) in records.enumerated().reversed() {
            if case .malformed(let reason, _) = record.change {
                if record.key.isEmpty {
                    prepared.keys.unnamed = record.place
                } else {
                    prepared.keys.heads.append(head(of: record.key))
                }
                setAside(record, stage: "source", reason, &prepared)
            } else if seen.insert(record.key).inserted {
                kept.append(index)
            } else {
                prepared.counters.superseded += 1
            }
        }
        prepared.letters.reverse()
        return kept.count == records.count ? records : kept.reversed().map { records[$0] }
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
        let chunks = chunks(of: mapped)
        guard chunks.count <= chunksMax else {
            let reason = "\(chunks.count) chunks, of at most \(chunksMax) that a record may have"
            return setAside(record, stage: "map", reason, &prepared)
        }
        planned.append(
            Planned(
                record: record, head: head, payload: mapped.payload, version: version,
                chunks: chunks.map { chunk in
                    PlannedChunk(chunk: chunk, hash: hash(of: chunk.text), vector: mapped.vector)
                }, stored: stored))
    }

    private func chunks(of mapped: MappedRecord) -> [Chunk] {
        if mapped.vector == nil, let chunker {
            switch mapped.text {
            case .plain(let text): return chunker.chunks(of: DocumentText(Array(text.utf8)))
            case .document(let document): return chunker.chunks(of: document)
            }
        }
        let text =
            switch mapped.text {
            case .plain(let text): text
            case .document(let document): document.string(0..<document.bytes.count)
            }
        if mapped.vector == nil, text.utf8.allSatisfy({ $0 <= 0x20 }) { return [] }
        return [Chunk(text: text, source: 0..<text.utf8.count)]
    }

    // MARK: Hashes

    /// Of everything that is written of a record.
    private func version(of mapped: MappedRecord) throws(DatabaseError) -> String {
        var writer = ByteWriter(reservingCapacity: 512)
        try writer.write(payload: mapped.payload)
        writer.write(bytes: mapped.text.bytes)
        if let vector = mapped.vector { writer.write(vector) }
        return hash(of: writer)
    }

    /// Of what a chunk's vector comes from.
    private func hash(of text: String) -> String {
        var writer = ByteWriter(reservingCapacity: text.utf8.count + 4)
        writer.writeString(text)
        return hash(of: writer)
    }

    private func hash(of writer: ByteWriter) -> String {
        var hash = signed
        hash.update(writer.bytes)
        return ChunkPoint.text(of: hash.digest())
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
            for chunk in planned[index].chunks.indices {
                guard let vector = vectors[planned[index].chunks[chunk].hash] else { continue }
                planned[index].chunks[chunk].vector = vector
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
        /// Who waits for which text.
        var waiting: [(record: Int, chunk: Int, text: Int)] = []
        texts.reserveCapacity(planned.count)
        places.reserveCapacity(planned.count)
        waiting.reserveCapacity(planned.count)
        for (record, plan) in planned.enumerated() {
            for (number, chunk) in plan.chunks.enumerated() where chunk.vector == nil {
                let text = chunk.chunk.text
                let place = places[text] ?? texts.count
                if place == texts.count {
                    places[text] = place
                    texts.append(text)
                }
                waiting.append((record, number, place))
            }
        }
        let vectors = try await embedder.embed(texts) { [monitor] in monitor.note($0) }
        prepared.counters.embedded += texts.count
        var refused: [Int: String] = [:]
        for (record, chunk, text) in waiting {
            switch vectors[text] {
            case .success(let vector): planned[record].chunks[chunk].vector = vector
            case .failure(let refusal): refused[record] = "chunk \(chunk): \(refusal.reason)"
            }
        }
        return refused
    }

    // MARK: Points

    /// Takes the record's payload, which is not copied for its last chunk.
    private func add(_ record: inout Planned, _ prepared: inout Prepared) {
        let count = record.chunks.count
        prepared.counters.written += 1
        prepared.counters.chunks += count
        for (number, planned) in record.chunks.enumerated() {
            var payload = record.payload
            if number + 1 == count { record.payload = [:] }
            if let member = mapping.textMember, !planned.chunk.text.isEmpty {
                payload[member] = .string(planned.chunk.text)
            }
            if !planned.chunk.headings.isEmpty {
                payload["headings"] = .array(planned.chunk.headings.map { .string($0) })
            }
            payload[ChunkPoint.member] =
                ChunkPoint(
                    key: record.record.key, chunk: number, count: count, version: record.version,
                    hash: planned.hash
                ).value
            var vectors: [String: Vector] = [:]
            if let vector = planned.vector, vector.contains(where: { $0 != 0 }) {
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
        prepared.counters.pointsUpserted += count
        remove(record.record.key, from: count, record.stored, &prepared)
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
