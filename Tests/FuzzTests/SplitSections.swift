import ApusCore

/// Sections that came in one input (the length of each as u32, then the sections), apart and aligned
/// as in a mapped file. Lengths that are too great are cut.
@safe final class SplitSections<Section: CaseIterable & Hashable & Sendable>: @unchecked Sendable {
    // Sendable: written in init only.
    private(set) var buffers: [Section: UnsafeRawBufferPointer] = unsafe [:]

    init(_ bytes: [UInt8]) {
        var start = Section.allCases.count * 4
        for (number, section) in Section.allCases.enumerated() {
            let wanted = Int(bytes.load(UInt32.self, at: number * 4) ?? 0)
            let count = max(0, min(wanted, bytes.count - start))
            let place = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
            if count > 0 { unsafe place.copyBytes(from: bytes[start..<(start + count)]) }
            unsafe buffers[section] = UnsafeRawBufferPointer(place)
            start += count
        }
    }

    deinit {
        for section in Section.allCases { unsafe buffers[section]?.deallocate() }
    }
}
