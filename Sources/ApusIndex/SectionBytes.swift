internal import ApusCore

#if canImport(Darwin)
private import Darwin
#else
private import Glibc
#endif

/// Bytes that an index is read from where they lie: a section of a mapped file, whose owner outlives
/// the index, or memory that comes with them.
///
/// `@unchecked Sendable`: the bytes are never written while they are lent.
@safe
struct SectionBytes: @unchecked Sendable {
    private let buffer: UnsafeRawBufferPointer
    private let owner: OwnedBytes?

    /// Borrows the bytes.
    init(_ buffer: UnsafeRawBufferPointer) {
        unsafe self.buffer = buffer
        owner = nil
    }

    /// Keeps a copy of the bytes.
    init(_ bytes: [UInt8]) {
        let owner = OwnedBytes(bytes)
        unsafe buffer = UnsafeRawBufferPointer(owner.buffer)
        self.owner = owner
    }

    var count: Int { unsafe buffer.count }

    /// Whether the bytes are in memory of the index's own.
    var isOwned: Bool { owner != nil }

    /// REQUIRES: the integer lies inside the section. Callers address parts of a layout, whose size
    /// was compared with the section's, by positions below the parts' counts.
    @inline(__always)
    func load<Integer: FixedWidthInteger>(_ type: Integer.Type, at offset: Int) -> Integer {
        unsafe Integer(littleEndian: buffer.loadUnaligned(fromByteOffset: offset, as: type))
    }

    /// REQUIRES: the range lies inside the section.
    func span(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: buffer[range])
    }

    /// The first byte of a range. REQUIRES: the range lies inside the section and is not empty.
    func pointer(to range: Range<Int>) -> UnsafeRawPointer {
        guard let start = unsafe span(range).baseAddress else {
            preconditionFailure("an empty section")
        }
        return unsafe start
    }

    func reader() -> ByteReader { unsafe ByteReader(buffer) }
}

@safe
private final class OwnedBytes {
    let buffer: UnsafeMutableRawBufferPointer

    init(_ bytes: [UInt8]) {
        unsafe buffer = .allocate(byteCount: bytes.count, alignment: 64)
        unsafe buffer.copyBytes(from: bytes)
    }

    deinit { unsafe buffer.deallocate() }
}

/// An array of integers inside a section, read where it lies.
struct SectionArray<Element: FixedWidthInteger & Sendable>: Sendable {
    private let bytes: SectionBytes
    private let offset: Int
    let count: Int

    /// REQUIRES: `count` elements from `offset` on lie inside `bytes`.
    init(_ bytes: SectionBytes, at offset: Int, count: Int) {
        self.bytes = bytes
        self.offset = offset
        self.count = count
    }

    @inline(__always)
    subscript(position: Int) -> Element {
        precondition(position >= 0 && position < count)
        return bytes.load(Element.self, at: offset &+ position &* MemoryLayout<Element>.size)
    }

    /// A range between two numbers that the section itself gave, cut to what there is.
    func clamped(_ start: UInt64, _ end: UInt64) -> Range<Int> {
        let end = min(Int(clamping: end), count)
        return min(Int(clamping: start), end)..<end
    }

    /// The first position in `range` whose element is not below `wanted`. REQUIRES: they ascend.
    func firstPosition(notBelow wanted: Element, in range: Range<Int>? = nil) -> Int {
        var (low, high) = range.map { ($0.lowerBound, $0.upperBound) } ?? (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < wanted { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension SectionArray<UInt8> {
    /// Negative when the bytes of a range stand before `other`, 0 when they are the same. REQUIRES: the
    /// range lies inside the array.
    func order(of range: Range<Int>, to other: [UInt8]) -> Int {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        let common = min(range.count, other.count)
        let start = offset + range.lowerBound
        let difference = unsafe other.withUnsafeBytes { other in
            guard common > 0, let first = other.baseAddress else { return Int32(0) }
            return unsafe memcmp(bytes.pointer(to: start..<(start + common)), first, common)
        }
        return difference != 0 ? Int(difference) : range.count - other.count
    }
}
