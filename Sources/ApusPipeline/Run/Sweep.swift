internal import ApusCore

/// Finds what a collection has of records that a source does not have any more.
///
/// Compares the keys that the source has with the points of the collection. A run that has just read
/// all of the source knows the keys, if they are not too many (`SeenKeys`). Otherwise they are read,
/// several times where they are too many, each time for a part of them. A source that has a record
/// without a key is not swept: it may be any.
struct Sweep: Sendable {
    let pipeline: String
    let origin: any RecordOrigin
    let sink: any PipelineSink
    let retry: Retry
    let keysMax: Int

    /// Of ids: collections in strict mode bound it.
    private static let pageSize = 2_000

    /// Points that are deleted at a time, but for those of one record.
    private static let deletesMax = 10_000

    /// Calls `delete` with the points of keys that are gone, and how many keys these are. `seen` is
    /// what a pass over the whole source has shown; nil: there was none.
    func run(
        _ seen: SeenKeys?, _ monitor: PipelineMonitor,
        _ delete: @Sendable ([PointID], Int) async throws -> Void
    ) async throws {
        var keys: SeenKeys
        // What reads keys alone may find one where a whole row could not be read.
        if let seen, seen.unnamed == nil {
            keys = seen
        } else {
            keys = try await read(SeenKeys(idsMax: keysMax), monitor)
        }
        while true {
            if let place = keys.unnamed {
                monitor.note(
                    StageError(
                        .refused, stage: "sweep",
                        "\(place) has no key, so what is gone is not known"))
                return
            }
            try await compare(keys, delete)
            guard let next = keys.next else { return }
            keys = try await read(next, monitor)
        }
    }

    /// Keys have no position to go on from: after a failure they are read again.
    private func read(_ empty: SeenKeys, _ monitor: PipelineMonitor) async throws -> SeenKeys {
        try await retry.run(noted: { monitor.note($0) }) {
            let reader = SourceReader(origin, keysOnly: true, retry: retry, monitor: monitor)
            do {
                let keys = try await read(empty, from: reader)
                await reader.close()
                return keys
            } catch {
                await reader.close()
                throw error
            }
        }
    }

    private func read(_ empty: SeenKeys, from reader: SourceReader) async throws -> SeenKeys {
        var keys = empty
        while let batch = try await reader.next(ReadLimit(records: 4096, bytes: 16 << 20)) {
            for record in batch.records {
                guard !record.key.isEmpty else {
                    keys.insert(unnamedAt: record.place)
                    return keys
                }
                if case .delete = record.change { continue }
                keys.insert(ChunkPoint.id(pipeline: pipeline, key: record.key, chunk: 0))
            }
        }
        return keys
    }

    /// Only points that are not a key's first chunk are looked into.
    private func compare(
        _ keys: SeenKeys, _ delete: ([PointID], Int) async throws -> Void
    ) async throws {
        var start: PointID?
        repeat {
            // One more than asked for shows whether there is another page.
            var page = try await sink.ids(from: start, limit: Self.pageSize + 1)
            start = page.count > Self.pageSize ? page.removeLast() : nil
            let unknown = page.filter { !keys.mayHave($0) }
            if !unknown.isEmpty { try await remove(unknown, delete) }
        } while start != nil
    }

    /// Deletes the keys whose first chunks are among points.
    private func remove(
        _ ids: [PointID], _ delete: ([PointID], Int) async throws -> Void
    ) async throws {
        var gone: [PointID] = []
        var count = 0
        for head in try await sink.heads(ids, of: pipeline) {
            count += 1
            gone += (0..<head.count).map {
                ChunkPoint.id(pipeline: pipeline, key: head.key, chunk: $0)
            }
            // All chunks of a record go at once: without the first one, nobody finds the others.
            guard gone.count >= Self.deletesMax else { continue }
            try await delete(gone, count)
            (gone, count) = ([], 0)
        }
        if !gone.isEmpty { try await delete(gone, count) }
    }
}
