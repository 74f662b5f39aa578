/// One answer of an index: a point of the segment and its distance from the query.
///
/// Distances are those of `DistanceKernel`: smaller is better under every metric. Answers are
/// ordered by distance, then by ordinal, so that equal searches give equal answers.
package struct Neighbour: Hashable, Comparable, Sendable {
    package var ordinal: UInt32
    package var distance: Float

    package init(ordinal: UInt32, distance: Float) {
        self.ordinal = ordinal
        self.distance = distance
    }

    package static func < (left: Neighbour, right: Neighbour) -> Bool {
        left.distance != right.distance
            ? left.distance < right.distance : left.ordinal < right.ordinal
    }
}

/// A distance and an ordinal in one number that sorts like `Neighbour`: by distance, then ordinal.
///
/// | bits | meaning |
/// |---|---|
/// | 63…32 | the distance's bits, mapped so that they sort like the numbers, negative ones too |
/// | 31…1 | the ordinal, below 2^31 |
/// | 0 | the node was expanded (`SearchBeam`); zero elsewhere |
typealias NeighbourKey = UInt64

extension NeighbourKey {
    @inline(__always)
    init(distance: Float, ordinal: UInt32) {
        // A sum that overflowed to NaN sorts behind every number, whatever its sign bit.
        let bits = distance.isNaN ? 0x7fc0_0000 : distance.bitPattern
        let sign = UInt32(bitPattern: Int32(bitPattern: bits) >> 31)
        let sortable = bits ^ (sign | 0x8000_0000)
        self = UInt64(sortable) &<< 32 | UInt64(ordinal) &<< 1
    }

    @inline(__always)
    var ordinal: UInt32 { UInt32(truncatingIfNeeded: self) &>> 1 }

    @inline(__always)
    var distance: Float {
        let sortable = UInt32(truncatingIfNeeded: self &>> 32)
        let mask: UInt32 = sortable & 0x8000_0000 != 0 ? 0x8000_0000 : .max
        return Float(bitPattern: sortable ^ mask)
    }

    var neighbour: Neighbour { Neighbour(ordinal: ordinal, distance: distance) }
}
