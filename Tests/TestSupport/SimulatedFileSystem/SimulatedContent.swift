/// The bytes of a simulated file, in pages that copies share until one of them is written.
/// A page that was never written takes no memory, so zeros of any length are cheap.
struct SimulatedContent: Sendable {
    private static let pageByteCount = 4096

    private(set) var byteCount = 0
    /// nil: zeros. As many as the bytes need; what lies behind the last byte is zero.
    private var pages: [[UInt8]?] = []

    init() {}

    init(_ bytes: some Collection<UInt8>) {
        write(Array(bytes), at: 0)
    }

    mutating func write(_ bytes: [UInt8], at offset: Int) {
        unsafe bytes.withUnsafeBytes { unsafe write($0, at: offset) }
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) {
        guard bytes.count > 0 else { return }
        let end = offset + bytes.count
        if end > byteCount { resize(to: end) }
        var place = offset
        while place < end {
            let page = place / Self.pageByteCount
            let start = place % Self.pageByteCount
            let count = min(Self.pageByteCount - start, end - place)
            let part = unsafe UnsafeRawBufferPointer(
                rebasing: bytes[(place - offset)..<(place - offset + count)])
            // Taken out, so that the page is copied only when another content shares it.
            var content = pages[page] ?? [UInt8](repeating: 0, count: Self.pageByteCount)
            pages[page] = nil
            unsafe content.withUnsafeMutableBytes { target in
                unsafe UnsafeMutableRawBufferPointer(rebasing: target[start..<(start + count)])
                    .copyMemory(from: part)
            }
            pages[page] = content
            place += count
        }
    }

    /// Cuts, or grows with zeros.
    mutating func resize(to newByteCount: Int) {
        let pageCount = (newByteCount + Self.pageByteCount - 1) / Self.pageByteCount
        if newByteCount < byteCount {
            pages.removeLast(pages.count - pageCount)
            let rest = newByteCount % Self.pageByteCount
            if rest > 0, var last = pages[pageCount - 1] {
                for index in rest..<Self.pageByteCount { last[index] = 0 }
                pages[pageCount - 1] = last
            }
        } else {
            pages.append(contentsOf: repeatElement(nil, count: pageCount - pages.count))
        }
        byteCount = newByteCount
    }

    /// Fills `target` from `offset` on; returns how many bytes there were.
    func read(into target: UnsafeMutableRawBufferPointer, at offset: Int) -> Int {
        guard offset < byteCount else { return 0 }
        let end = min(byteCount, offset + target.count)
        var place = offset
        while place < end {
            let start = place % Self.pageByteCount
            let count = min(Self.pageByteCount - start, end - place)
            let part = unsafe UnsafeMutableRawBufferPointer(
                rebasing: target[(place - offset)..<(place - offset + count)])
            if let page = pages[place / Self.pageByteCount] {
                unsafe page.withUnsafeBytes { source in
                    unsafe part.copyMemory(
                        from: UnsafeRawBufferPointer(rebasing: source[start..<(start + count)]))
                }
            } else {
                unsafe part.initializeMemory(as: UInt8.self, repeating: 0)
            }
            place += count
        }
        return end - offset
    }

    var bytes: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            count = unsafe read(into: UnsafeMutableRawBufferPointer(buffer), at: 0)
        }
    }

    mutating func flip(bit: Int, ofByte place: Int) {
        var byte: [UInt8] = [0]
        let count = unsafe byte.withUnsafeMutableBytes { unsafe read(into: $0, at: place) }
        precondition(count == 1, "the file has no byte \(place)")
        byte[0] ^= 1 << UInt8(bit)
        write(byte, at: place)
    }
}
