internal import ApusCore

/// The keys that a pass over a source has shown, by their first chunks' ids.
///
/// 16 bytes each, and no more of them than `idsMax`: once there are more, the half of the ids is given
/// up, and what is left is one part of several. The others take another pass each.
struct SeenKeys: Sendable {
    private var ids: Set<UUIDBytes> = []
    private let idsMax: Int
    private let part: UInt64
    /// A power of two.
    private(set) var parts: UInt64
    /// Where the first record stands that nothing names: it may be any.
    private(set) var unnamed: String?

    /// Of the first part, which is all as long as that is not too many.
    init(idsMax: Int) { self.init(part: 0, of: 1, idsMax: idsMax) }

    private init(part: UInt64, of parts: UInt64, idsMax: Int) {
        self.idsMax = max(1, idsMax)
        self.part = part
        self.parts = parts
    }

    /// The part behind this one, with nothing in it; nil: this was the last.
    var next: SeenKeys? {
        part + 1 < parts ? SeenKeys(part: part + 1, of: parts, idsMax: idsMax) : nil
    }

    mutating func insert(_ id: PointID) {
        guard case .uuid(let uuid) = id, isPart(uuid) else { return }
        ids.insert(uuid)
        // The parts behind the first one are as they were counted when that was read.
        while part == 0, ids.count > idsMax, parts < 1 << 32 {
            parts *= 2
            ids = ids.filter(isPart)
        }
    }

    mutating func insert(unnamedAt place: String) { unnamed = unnamed ?? place }

    /// Whether the pass has shown an id, as far as this part says. Others than a UUID are no key's.
    func mayHave(_ id: PointID) -> Bool {
        guard case .uuid(let uuid) = id, isPart(uuid) else { return true }
        return ids.contains(uuid)
    }

    /// By bits that are of the hash: those below have the UUID's version.
    private func isPart(_ uuid: UUIDBytes) -> Bool { uuid.high >> 16 & (parts - 1) == part }
}
