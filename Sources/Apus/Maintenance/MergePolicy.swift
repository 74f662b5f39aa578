/// Decides which segment files to replace by one: a pure function of figures, with no clock and
/// no memory.
///
/// **What it picks**, the most urgent first:
/// 1. segments with deletions that are older than the configuration allows (`hasExpiredDeletions`),
///    and segments in which no row lives;
/// 2. segments of at least `vacuumRowsMin` rows of which `deletedFractionMin` are deleted;
/// 3. two or more segments of one *tier*: whose live rows lie between the same powers of two.
///
/// Whatever it picks takes along all segments of its tier and below, and of each further tier that
/// the result grows into, as long as the result stays within the limits: so cascades of merges are
/// done in one. A segment above half of a limit takes no part in rule 3.
///
/// **Count.** When it picks nothing, every tier holds one segment at most, so there are at most
/// log₂(rowsMax) + 1 segments below half of the limits, and 2n / rowsMax above, for n live rows.
///
/// **Write amplification.** By rule 3 a row is written again only when its segment's tier rises:
/// at most log₂(rowsMax) times. By rule 2 each deleted row pays for at most
/// (1 − deletedFractionMin) / deletedFractionMin rows written, 4 by default. Graph insertion, which
/// costs far more than writing, is repeated only for rows that are not in the largest segment.
///
/// **Termination.** Each pick either removes deleted rows or lowers the number of segments, and the
/// result has no deleted rows: without writes it ends.
package struct MergePolicy: Hashable, Sendable {
    /// What the policy knows of a segment file.
    package struct Segment: Hashable, Sendable {
        package var number: UInt64
        package var rowCount: Int
        /// Rows that a merge would leave out.
        package var deletedCount: Int
        package var byteCount: Int
        /// Whether some deletion has been there for longer than it may.
        package var hasExpiredDeletions: Bool

        package init(
            number: UInt64, rowCount: Int, deletedCount: Int = 0, byteCount: Int = 0,
            hasExpiredDeletions: Bool = false
        ) {
            self.number = number
            self.rowCount = rowCount
            self.deletedCount = deletedCount
            self.byteCount = byteCount
            self.hasExpiredDeletions = hasExpiredDeletions
        }

        var liveCount: Int { rowCount - deletedCount }

        /// The share of the bytes that live rows have.
        var liveByteCount: Int {
            rowCount == 0 ? 0 : Int(Double(byteCount) * Double(liveCount) / Double(rowCount))
        }

        /// Live rows lie between the powers of two `tier` and `tier + 1`.
        var tier: Int { Int.bitWidth - 1 - max(1, liveCount).leadingZeroBitCount }
    }

    /// Live rows that a merged segment may have; a segment that has more already may still be
    /// rewritten alone.
    package var rowsMax: Int
    /// The same in bytes.
    package var bytesMax: Int
    /// The share of deleted rows from which a segment is rewritten.
    package var deletedFractionMin: Double
    /// Segments with fewer rows are not rewritten for their share of deleted rows alone.
    package var vacuumRowsMin: Int

    package init(
        rowsMax: Int, bytesMax: Int = .max, deletedFractionMin: Double = 0.2,
        vacuumRowsMin: Int = 1_000
    ) {
        self.rowsMax = max(1, rowsMax)
        self.bytesMax = max(1, bytesMax)
        // At zero every deletion would rewrite its segment.
        self.deletedFractionMin = min(max(deletedFractionMin, 0.01), 1)
        self.vacuumRowsMin = max(1, vacuumRowsMin)
    }

    /// The numbers of the segments to merge next, ascending; nil when nothing is worth it.
    /// O(n log n).
    package func pick(_ segments: [Segment]) -> [UInt64]? {
        let urgent = segments.filter { isUrgent($0) }
        if let seed = urgent.min(by: { ($0.liveCount, $0.number) < ($1.liveCount, $1.number) }) {
            return numbers(grown(from: [seed], among: segments))
        }
        let small = segments.filter { isSmall($0) }
        let tiers = Dictionary(grouping: small, by: \.tier).filter { $0.value.count >= 2 }
        guard let lowest = tiers.keys.min(), let peers = tiers[lowest] else { return nil }
        let pair = Array(peers.sorted { Self.isSmaller($0, $1) }.prefix(2))
        return numbers(grown(from: pair, among: segments))
    }

    /// Sets of segments that would become one each, so that no deleted row is left, and no two
    /// segments that one could hold. Empty when that is so already.
    package func pickAll(_ segments: [Segment]) -> [[UInt64]] {
        var groups: [[Segment]] = []
        // The largest first: first-fit needs fewer groups that way.
        for segment in segments.sorted(by: { Self.isSmaller($1, $0) }) {
            let place = groups.firstIndex { isWithinLimits($0 + [segment]) }
            if let place { groups[place].append(segment) } else { groups.append([segment]) }
        }
        return groups.filter { $0.count > 1 || $0[0].deletedCount > 0 }.map { numbers($0) }
    }

    private func isUrgent(_ segment: Segment) -> Bool {
        guard segment.deletedCount > 0 else { return false }
        if segment.liveCount == 0 || segment.hasExpiredDeletions { return true }
        return segment.rowCount >= vacuumRowsMin
            && Double(segment.deletedCount) >= deletedFractionMin * Double(segment.rowCount)
    }

    /// Whether two of its kind fit into one.
    private func isSmall(_ segment: Segment) -> Bool {
        segment.liveCount <= rowsMax / 2 && segment.liveByteCount <= bytesMax / 2
    }

    /// The group with all that the tiers which it grows into hold and the limits allow.
    private func grown(from seed: [Segment], among segments: [Segment]) -> [Segment] {
        var group = seed
        var rest = segments.filter { segment in !seed.contains(segment) && isSmall(segment) }
            .sorted { Self.isSmaller($0, $1) }
        while let next = rest.first {
            let live = group.reduce(0) { $0 + $1.liveCount }
            // A segment of a higher tier than the group is left alone until the group has grown.
            guard live > 0, next.tier <= Segment(number: 0, rowCount: live).tier,
                isWithinLimits(group + [next])
            else { break }
            group.append(rest.removeFirst())
        }
        return group
    }

    private func isWithinLimits(_ group: [Segment]) -> Bool {
        group.reduce(0) { $0 + $1.liveCount } <= rowsMax
            && group.reduce(0) { $0 + $1.liveByteCount } <= bytesMax
    }

    private static func isSmaller(_ left: Segment, _ right: Segment) -> Bool {
        (left.liveCount, left.number) < (right.liveCount, right.number)
    }

    private func numbers(_ group: [Segment]) -> [UInt64] { group.map(\.number).sorted() }
}
