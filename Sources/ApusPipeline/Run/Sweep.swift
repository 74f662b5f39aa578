internal import ApusCore

/// Finds what a collection has of records that a source does not have any more.
///
/// Reads the whole source once more, for its keys only, and compares them with the points of the
/// collection. Keys are remembered by their first chunks' ids, 16 bytes each, and no more than
/// `idsMax` at a time: a source with more of them is read several times, each time for a part of the
/// ids. A source that has a record without a key is not swept: it may be any.
package struct Sweep: Sendable {
    let pipeline: String
    let origin: any RecordOrigin
    let sink: any PipelineSink
    let retry: Retry
    var idsMax = 4_000_000

    private static let pageSize = 2_000

    /// Calls `delete` with the points of keys that are gone, and how many keys these are.
    func run(
        _ monitor: PipelineMonitor,
        _ delete: @Sendable ([PointID], Int) async throws -> Void
    ) async throws {
        var parts: UInt64 = 1
        var part: UInt64 = 0
        while part < parts {
            // Keys have no position to go on from: after a failure they are read again.
            let (number, count) = (part, parts)
            let found = try await retry.run(noted: { monitor.note($0) }) {
                try await keys(monitor, part: number, of: count)
            }
            switch found {
            case .unknown(let place):
                monitor.note(
                    StageError(
                        .refused, stage: "sweep",
                        "\(place) has no key, so what is gone is not known"))
                return
            case .tooMany where part == 0: parts *= 2
            case .tooMany(let ids), .all(let ids):
                try await compare(ids, part: part, of: parts, delete)
                part += 1
            }
        }
    }

    private enum Keys {
        case all(Set<PointID>)
        case tooMany(Set<PointID>)
        case unknown(place: String)
    }

    private static func isPart(_ id: PointID, _ part: UInt64, of parts: UInt64) -> Bool {
        guard case .uuid(let uuid) = id else { return false }
        return uuid.high % parts == part
    }

    private func keys(
        _ monitor: PipelineMonitor, part: UInt64, of parts: UInt64
    ) async throws -> Keys {
        let reader = SourceReader(origin, keysOnly: true, retry: retry, monitor: monitor)
        do {
            var ids: Set<PointID> = []
            while let batch = try await reader.next(ReadLimit(records: 4096, bytes: 16 << 20)) {
                for record in batch.records {
                    guard !record.key.isEmpty else {
                        await reader.close()
                        return .unknown(place: record.place)
                    }
                    if case .delete = record.change { continue }
                    let id = ChunkPoint.id(pipeline: pipeline, key: record.key, chunk: 0)
                    if Self.isPart(id, part, of: parts) { ids.insert(id) }
                }
                if part == 0, ids.count > idsMax { break }
            }
            await reader.close()
            return ids.count > idsMax ? .tooMany(ids) : .all(ids)
        } catch {
            await reader.close()
            throw error
        }
    }

    private func compare(
        _ ids: Set<PointID>, part: UInt64, of parts: UInt64,
        _ delete: ([PointID], Int) async throws -> Void
    ) async throws {
        var start: PointID?
        while true {
            // One more than asked for shows whether there is another page.
            var page = try await sink.page(from: start, limit: Self.pageSize + 1)
            let next = page.count > Self.pageSize ? page.removeLast().id : nil
            var gone: [PointID] = []
            var count = 0
            for point in page where Self.isPart(point.id, part, of: parts) {
                guard let chunk = ChunkPoint(point.payload), chunk.chunk == 0,
                    point.id == ChunkPoint.id(pipeline: pipeline, key: chunk.key, chunk: 0),
                    !ids.contains(point.id)
                else { continue }
                count += 1
                gone += (0..<chunk.count).map {
                    ChunkPoint.id(pipeline: pipeline, key: chunk.key, chunk: $0)
                }
            }
            if !gone.isEmpty { try await delete(gone, count) }
            guard let next else { return }
            start = next
        }
    }
}
