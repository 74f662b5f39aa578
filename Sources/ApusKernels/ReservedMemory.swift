#if canImport(Glibc)
private import Glibc
#else
private import Darwin
#endif

/// A range of anonymous memory that is reserved whole and becomes real page by page, zero on
/// first touch: it grows without ever moving.
///
/// Only touched pages count as used memory, so a generous reservation is cheap. Beyond
/// `smallPagesByteCount` the system is asked for huge pages, which spare the address translation
/// that random reads of vectors and links otherwise pay for; the first bytes stay on small pages,
/// so that a small collection stays small.
@safe
package final class ReservedMemory: @unchecked Sendable {
    // Sendable: the address and size are constant; users of the memory order their accesses.
    package let base: UnsafeMutableRawPointer
    package let byteCount: Int

    /// Bytes at the start that are never on huge pages unless the whole is.
    package static let smallPagesByteCount = 4 << 20

    /// Reserves `byteCount` bytes, rounded up to pages. With `isFilledAtOnce` all of it will be
    /// used, and all of it may be on huge pages.
    package init(byteCount: Int, isFilledAtOnce: Bool = false) throws(KernelError) {
        let huge = 2 << 20
        let (padded, overflow) = max(1, byteCount).addingReportingOverflow(2 * huge)
        guard !overflow else { throw .outOfMemory(byteCount: byteCount) }
        // One huge page more than asked for, so that the start can be aligned to one.
        let size = padded / huge * huge
        let flags = MAP_PRIVATE | MAP_ANON | MAP_NORESERVE
        let address = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, flags, -1, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            throw .outOfMemory(byteCount: byteCount)
        }
        unsafe mapping = unsafe UnsafeMutableRawBufferPointer(start: address, count: size)
        unsafe base = unsafe address.alignedUp(toMultipleOf: huge)
        self.byteCount = max(1, byteCount)
        adviseHugePages(from: isFilledAtOnce ? 0 : Self.smallPagesByteCount)
    }

    deinit { unsafe munmap(mapping.baseAddress, mapping.count) }

    private let mapping: UnsafeMutableRawBufferPointer

    private func adviseHugePages(from offset: Int) {
        #if os(Linux)
        guard byteCount > offset, byteCount >= Self.smallPagesByteCount else { return }
        // A refusal costs speed only.
        unsafe madvise(base + offset, byteCount - offset, MADV_HUGEPAGE)
        #endif
    }
}
