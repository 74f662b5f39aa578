internal import ApusCore
internal import ApusStorage
private import Synchronization

/// The dense fields of a segment file: each is verified and brought to where it is searched when it
/// is first used, and moved when the settings want it elsewhere.
final class SealedFields: Sendable {
    private let declared: [SegmentFile.Metadata.Field]
    private let reader: SegmentReader
    private let rowCount: Int
    private let startsMapped: Bool
    private let firstUses: [OnDemand<SegmentFile.LoadedField>]
    private let places: Mutex<[Place]>

    private struct Place: Sendable {
        /// What searches use; nil before the first use.
        var field: DenseField?
        var wanted: Residency
        /// Memory has no room for it.
        var isKeptMapped = false
        /// Its bytes in the file are damaged: it stays where it is.
        var isStuck = false
    }

    /// `handedOver` are fields in memory of the segment that the file was written from.
    init(
        _ declared: [SegmentFile.Metadata.Field], of reader: SegmentReader, rowCount: Int,
        configuration: CollectionConfiguration, handedOver: [String: DenseField],
        startsMapped: Bool
    ) {
        self.declared = declared
        self.reader = reader
        self.rowCount = rowCount
        self.startsMapped = startsMapped
        firstUses = declared.map { _ in OnDemand() }
        places = Mutex(
            declared.map { field in
                let wanted = configuration.residency(of: field.name)
                // What was made for the file alone is read from there.
                let isHandedOver =
                    wanted != .mapped && field.hasIVF != true && field.rabitqBits == nil
                return Place(
                    field: isHandedOver ? handedOver[field.name] : nil, wanted: wanted)
            })
    }

    /// The field at a position, which is verified if it was not used before. `tell` gets what was
    /// loaded, and with it what is wrong with its graph or codes.
    func field(
        at position: Int, tell: (_ loaded: SegmentFile.LoadedField) -> Void
    ) throws -> DenseField {
        let (present, wanted) = places.withLock { ($0[position].field, $0[position].wanted) }
        if let present { return present }
        let loaded = try firstUses[position].value {
            let loaded = try SegmentFile.load(
                declared[position], at: position, rowCount: rowCount, from: reader,
                residency: startsMapped ? .mapped : wanted, reusing: nil)
            tell(loaded)
            return loaded
        }
        return places.withLock { places in
            if let field = places[position].field { return field }
            places[position].field = loaded.field
            places[position].isStuck = loaded.graphDamage != nil
            return loaded.field
        }
    }

    /// A field that nobody used, and that did not turn out to be damaged.
    var firstUnused: Int? {
        let places = places.withLock { $0 }
        return places.indices.first { places[$0].field == nil && !firstUses[$0].isDecided }
    }

    /// Moves the next field that is not where it should be; false when there is none, or no room.
    func moveNext(
        hasMemory: (_ byteCount: Int) -> Bool
    ) throws -> Bool {
        for (position, place) in places.withLock({ $0 }).enumerated() {
            guard let field = place.field, !place.isStuck, field.residency != place.wanted else {
                continue
            }
            let byteCount = bytesMoved(into: place.wanted, from: field.residency, at: position)
            let hasRoom = byteCount == 0 || hasMemory(byteCount)
            places.withLock { $0[position].isKeptMapped = !hasRoom }
            guard hasRoom else { continue }
            do {
                let moved = try SegmentFile.load(
                    declared[position], at: position, rowCount: rowCount, from: reader,
                    residency: place.wanted, reusing: field)
                if let damage = moved.graphDamage { throw damage }
                places.withLock { $0[position].field = moved.field }
                return true
            } catch {
                places.withLock { $0[position].isStuck = true }
                throw error
            }
        }
        return false
    }

    /// What comes into memory by a move.
    private func bytesMoved(
        into wanted: Residency, from present: Residency, at position: Int
    ) -> Int {
        let usage = SegmentFile.usage(of: reader, field: position)
        var byteCount = 0
        if wanted.vectorsInMemory, !present.vectorsInMemory { byteCount += usage[.vectors].disk }
        if wanted.graphInMemory, !present.graphInMemory {
            byteCount += usage[.graph].disk + usage[.codes].disk
        }
        return byteCount
    }

    func want(_ configuration: CollectionConfiguration) {
        places.withLock { places in
            for (position, field) in declared.enumerated() {
                places[position].wanted = configuration.residency(of: field.name)
                places[position].isKeptMapped = false
            }
        }
    }

    var keptMapped: [String] {
        let places = places.withLock { $0 }
        return declared.indices.filter { places[$0].isKeptMapped }.map { declared[$0].name }
    }

    var resident: [DenseField] { places.withLock { $0.compactMap(\.field) } }

    var indexedVectorCount: Int {
        zip(declared, places.withLock { $0 }).reduce(0) { sum, entry in
            let (declared, place) = entry
            if let field = place.field { return sum + field.indexedVectorCount }
            let hasIndex = declared.hasGraph || declared.hasIVF == true
            return sum + (hasIndex ? max(0, rowCount - declared.absentCount) : 0)
        }
    }
}
