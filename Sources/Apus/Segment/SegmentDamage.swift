internal import ApusCore

/// A segment file that cannot be used any more: bytes that its answers depend on are not what was
/// written. Whoever meets it takes the segment out of service and goes on with the others.
struct SegmentDamage: Error {
    let segment: SealedSegment
    let cause: DatabaseError
}
