private import CApusKernels

/// Fixed-size lists of neighbours in memory that one thread may write while others read.
///
/// A block is `capacity` ids of 32 bits, filled from the front; `none` marks the first unused
/// place and all behind it. Places are written and read whole (relaxed atomics), so a reader sees
/// only ids that are or were in the list.
@safe
package enum LinkBlock {
    /// What an unused place holds.
    package static let none: UInt32 = .max

    /// Replaces the list by `count` ids, at most `capacity`.
    package static func store(
        _ ids: UnsafePointer<UInt32>, count: Int, to block: UnsafeMutablePointer<UInt32>,
        capacity: Int
    ) {
        unsafe capus_store_links(block, capacity, ids, count)
    }

    /// Copies the list out into `ids`, which has room for `capacity`; returns its length.
    package static func load(
        _ block: UnsafePointer<UInt32>, capacity: Int, into ids: UnsafeMutablePointer<UInt32>
    ) -> Int {
        unsafe capus_load_links(block, capacity, ids)
    }

    /// Copies out the ids whose bit in `visited` is clear, sets the bits, and asks for the first
    /// `prefetchedLines` cache lines of their rows, which start at `rows` and lie `stride` bytes
    /// apart; returns how many ids there are. `ids` has room for `capacity`.
    package static func gatherUnvisited(
        _ block: UnsafePointer<UInt32>, capacity: Int, visited: UnsafeMutablePointer<UInt64>,
        rows: UnsafeRawPointer, stride: Int, prefetchedLines: Int,
        into ids: UnsafeMutablePointer<UInt32>
    ) -> Int {
        unsafe capus_gather_unvisited(
            block, capacity, visited, rows, stride, prefetchedLines, ids)
    }

    /// The admitted ids of block `node` that were not visited, and, where it has others, as many of
    /// the blocks of these, `limit` at most. Blocks are `stride` places apart. All that is visited is
    /// appended to `trail`. Asks for the first `prefetchedLines` cache lines of their rows. `ids` has
    /// room for `limit` and a block.
    package static func gatherAdmitted(
        _ blocks: UnsafePointer<UInt32>, stride: Int, capacity: Int, node: UInt32,
        visited: UnsafeMutablePointer<UInt64>, end: Int, filter: UnsafePointer<UInt64>?,
        deletedAt: UnsafePointer<UInt64>?, readLSN: UInt64, limit: Int,
        rows: UnsafeRawPointer, rowStride: Int, prefetchedLines: Int,
        into ids: UnsafeMutablePointer<UInt32>, trail: UnsafeMutablePointer<UInt32>,
        trailCount: inout Int
    ) -> Int {
        var admission = unsafe capus_admission(
            end: end, filter: filter, deleted_at: deletedAt, read_lsn: readLSN)
        return unsafe capus_gather_admitted(
            blocks, stride, capacity, node, visited, &admission, limit, rows, rowStride,
            prefetchedLines, ids, trail, &trailCount)
    }

    /// Asks for the cache lines of a block before it is read.
    package static func prefetch(_ block: UnsafePointer<UInt32>, capacity: Int) {
        unsafe capus_prefetch(block, capacity * MemoryLayout<UInt32>.size)
    }
}

/// A 64-bit number in shared memory that one thread stores while others load it.
@safe
package enum SharedWord {
    /// Acquires what the storing thread wrote before.
    package static func load(_ place: UnsafePointer<UInt64>) -> UInt64 {
        unsafe capus_load_u64(place)
    }

    /// Releases what this thread wrote before.
    package static func store(_ value: UInt64, to place: UnsafeMutablePointer<UInt64>) {
        unsafe capus_store_u64(place, value)
    }
}
