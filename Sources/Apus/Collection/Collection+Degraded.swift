internal import ApusCore
internal import ApusStorage
private import Foundation
private import Synchronization

/// A segment that the manifest names and that is not served, because its file is damaged or gone.
///
/// The manifest remembers it (attribute `outOfService`), so that a restart does not serve it again
/// without the deletions that came meanwhile; `apus repair` brings back what can be read. Until
/// then the log keeps every batch after `since`: with those the repair knows which of the rows
/// were replaced or deleted in the meantime.
struct LostSegment: Codable, Hashable, Sendable {
    var number: UInt64
    /// Every batch up to this one has left its marks in the segment's deletion file.
    var since: UInt64
    /// Points that may be missing, at most.
    var pointCountMax: Int
    /// File, place, what was expected and found.
    var reason: String

    var text: String {
        "segment \(number) is out of service, up to \(pointCountMax) points are missing: \(reason)"
    }
}

extension Manifest {
    private static let lostSegmentsKey = "outOfService"

    /// By number, ascending.
    func lostSegments() throws -> [LostSegment] {
        guard let bytes = attributes[Self.lostSegmentsKey] else { return [] }
        do {
            return try JSONDecoder().decode([LostSegment].self, from: Data(bytes))
        } catch {
            throw DatabaseError(
                .corruption, "the manifest's entry `\(Self.lostSegmentsKey)`: \(error)")
        }
    }

    /// The batch through which the log may go: the repair of a lost segment needs to know what was
    /// deleted since.
    func removableThrough() throws -> SequenceNumber {
        let kept = try lostSegments().map { SequenceNumber($0.since) }
        return min(flushedThrough, kept.min() ?? flushedThrough)
    }

    /// Segments that the manifest does not name any more are left out.
    mutating func setLostSegments(_ lost: [LostSegment]) throws {
        let named = Set(segments.map(\.number))
        let kept = lost.filter { named.contains($0.number) }.sorted { $0.number < $1.number }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        attributes[Self.lostSegmentsKey] = kept.isEmpty ? nil : [UInt8](try encoder.encode(kept))
    }
}

extension Collection {
    /// What is damaged, a sentence each: file and place, and what follows for reads and writes.
    /// Empty when nothing is known to be.
    public func degradations() -> [String] {
        let (lost, segments) = published.withLock { ($0.lost, $0.segments) }
        let faults = segments.compactMap { $0 as? SealedSegment }.flatMap(\.faults)
        return lost.map(\.text) + faults
    }

    /// Runs a read, until the interruption around it is due. When it meets a damaged segment, that
    /// one goes out of service, and the read begins again without it; a reader of an older version,
    /// who counts on its points, is told.
    func reading<Value>(
        _ version: ReadVersion = .latest, _ body: (ReadView) throws -> Value
    ) throws -> Value {
        try withoutDamagedSegments {
            do {
                let interruption = Interruption.current
                try interruption?.check()
                var view = try view(version)
                view.interruption = interruption
                view.helpers = context.searchPool
                view.costs = .current
                return try body(view)
            } catch let damage as SegmentDamage {
                guard case .number = version else { throw damage }
                try takeOutOfService(damage)
                throw damage.cause
            }
        }
    }

    func reading<Value>(
        at version: SequenceNumber?, _ body: (ReadView) throws -> Value
    ) throws -> Value {
        try reading(version.map(ReadVersion.number) ?? .latest, body)
    }

    func withoutDamagedSegments<Value>(_ body: () throws -> Value) throws -> Value {
        while true {
            do { return try body() } catch let damage as SegmentDamage {
                try takeOutOfService(damage)
            }
        }
    }

    /// Serves the collection without a segment. Its file is not touched. The caller holds no lock.
    func takeOutOfService(_ damage: SegmentDamage) throws {
        let segment = damage.segment
        guard segment.directory == files.directory else { throw damage.cause }
        let pointCount = published.withLock { state in
            segment.deletions.visibleCount(among: segment.rowCount, at: state.lsn)
        }
        // First the note: a manifest that is written from now on must not pretend that the
        // segment's deletions are all in its file.
        let lost = try manifest.withLock { manifest -> LostSegment? in
            let known = try manifest.lostSegments()
            guard !known.contains(where: { $0.number == segment.number }),
                manifest.segments.contains(where: { $0.number == segment.number })
            else {
                // Another thread was faster, or the segment is being replaced by another.
                return nil
            }
            let lost = LostSegment(
                number: segment.number, since: manifest.flushedThrough.rawValue,
                pointCountMax: pointCount, reason: damage.cause.message)
            try manifest.setLostSegments(known + [lost])
            writer.withLock { state in
                state.segments.removeAll { $0 === segment }
                let segments = state.segments
                published.withLock { state in
                    state.segments = segments
                    state.lost.append(lost)
                }
            }
            return lost
        }
        if let lost { context.reportDamage(collection: name, lost.text) }
    }

    /// Why a write that depends on all points cannot be carried out; nil: none is missing.
    var missingPoints: DatabaseError? {
        let lost = published.withLock { $0.lost }
        guard !lost.isEmpty else { return nil }
        return DatabaseError(
            .corruption,
            "collection `\(name)` is degraded, so it cannot be known which points this concerns: "
                + lost.map(\.text).joined(separator: "; ")
                + "; `apus repair` brings back what can be read")
    }
}

extension ReadView {
    func without(_ segment: SealedSegment) -> ReadView {
        ReadView(lsn: lsn, segments: segments.filter { $0 !== segment }, schema: schema)
    }

    /// The first segment whose rows cannot be relied on; nil: all can. O(segments) after the
    /// first time.
    func firstDamage() -> SegmentDamage? {
        for segment in segments {
            do { try segment.prepareRows() } catch { return error as? SegmentDamage }
        }
        return nil
    }
}
