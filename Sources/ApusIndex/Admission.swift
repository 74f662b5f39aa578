package import ApusCore
private import ApusKernels

/// Which ordinals a search may return. Searches may pass through the others.
///
/// An ordinal is admitted when it is below `visibleCount`, in `filter` if there is one, and was
/// not deleted at or before `readLSN`. A search that admits everything pays nothing for it.
@safe
package struct Admission {
    /// Ordinals from here on are not visible to the reader.
    package var visibleCount: Int
    /// The ordinals that match; those at its count and beyond do not. Nil: all match.
    package var filter: Bitmap?
    /// The sequence number at which each ordinal below `visibleCount` was deleted, 0 while it lives;
    /// written through `SharedWord`. Nil: nothing was deleted. The memory must outlive the search.
    package var deletedAt: UnsafePointer<UInt64>?
    /// The reader's sequence number: a point is there iff `deletedAt` is 0 or greater.
    package var readLSN: UInt64

    package init(
        visibleCount: Int = .max, filter: Bitmap? = nil, deletedAt: UnsafePointer<UInt64>?,
        readLSN: UInt64
    ) {
        self.visibleCount = visibleCount
        self.filter = filter
        unsafe self.deletedAt = unsafe deletedAt
        self.readLSN = readLSN
    }

    /// Nothing was deleted.
    package init(visibleCount: Int = .max, filter: Bitmap? = nil) {
        unsafe self.init(
            visibleCount: visibleCount, filter: filter, deletedAt: nil, readLSN: .max)
    }

    /// Everything.
    package static var all: Admission { Admission() }

    /// Whether every ordinal below `count` is admitted for certain.
    func admitsAll(below count: Int) -> Bool {
        unsafe filter == nil && deletedAt == nil && visibleCount >= count
    }

    /// Runs `body` with the test for ordinals below `count`.
    func withTest<R>(below count: Int, _ body: (borrowing AdmissionTest) -> R) -> R {
        let end = min(count, visibleCount)
        guard let filter else {
            return unsafe body(
                AdmissionTest(end: end, filter: nil, deletedAt: deletedAt, readLSN: readLSN))
        }
        return unsafe filter.words.withUnsafeBufferPointer { words in
            unsafe body(
                AdmissionTest(
                    end: min(end, filter.count), filter: words.baseAddress, deletedAt: deletedAt,
                    readLSN: readLSN))
        }
    }
}

/// An `Admission` in the form that loops use.
@safe
struct AdmissionTest {
    /// Ordinals from here on are not admitted; the filter and `deletedAt` reach up to here.
    let end: Int
    let filter: UnsafePointer<UInt64>?
    let deletedAt: UnsafePointer<UInt64>?
    let readLSN: UInt64

    @inline(__always)
    func admits(_ ordinal: Int) -> Bool {
        guard ordinal < end else { return false }
        if let filter = unsafe filter,
            unsafe filter[ordinal &>> 6] & (1 &<< UInt64(ordinal & 63)) == 0
        {
            return false
        }
        if let deletedAt = unsafe deletedAt {
            // 0 wraps to what no sequence number reaches: one comparison tells both.
            return unsafe SharedWord.load(deletedAt + ordinal) &- 1 >= readLSN
        }
        return true
    }
}
