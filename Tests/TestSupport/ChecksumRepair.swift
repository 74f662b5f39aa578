private import ApusKernels

/// Sets every checksum of a stored file right again, after its bytes were changed on purpose: with
/// it damage gets past the checksums, to the code behind them.
///
/// Written from `docs/format.md`, not with the product's decoders, and for bytes that may mean
/// anything: parts that cannot be found are left as they are.
package enum ChecksumRepair: String, CaseIterable, Sendable {
    case marker
    case current
    case manifest
    case deletions
    case wal
    case segment
    case aliases
    case snapshotRecord
    case archive

    /// The kind of file that a path names; nil: one without a checksum.
    package init?(path: String) {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        switch name {
        case "APUS": self = .marker
        case "CURRENT": self = .current
        case "ALIASES": self = .aliases
        case "snapshot.json": self = .snapshotRecord
        case _ where name.hasPrefix("MANIFEST-"): self = .manifest
        case _ where name.hasSuffix(".wal"): self = .wal
        case _ where name.hasSuffix(".seg") || name.hasSuffix(".graph"): self = .segment
        case _ where name.contains(".del-"): self = .deletions
        case _ where name.hasSuffix(".snapshot"): self = .snapshotRecord
        default: return nil
        }
    }

    package func apply(to bytes: inout [UInt8]) {
        switch self {
        case .marker, .snapshotRecord: Self.repairLine(&bytes, withNewline: true)
        case .aliases: Self.repairLine(&bytes, withNewline: false)
        case .current: Self.repairCurrent(&bytes)
        case .manifest: Self.repairSplit(&bytes, at: 12)
        case .deletions: Self.repairSplit(&bytes, at: 36)
        case .wal: Self.repairLog(&bytes)
        case .segment: Self.repairSegment(&bytes)
        case .archive: Self.repairArchive(&bytes)
        }
    }

    // MARK: Text

    /// A line, and a line with its checksum, which is one of the newline too or not.
    private static func repairLine(_ bytes: inout [UInt8], withNewline: Bool) {
        guard let newline = bytes.firstIndex(of: 0x0a) else { return }
        let line = Array(bytes[...newline])
        let covered = withNewline ? line.count : newline
        bytes = line + hexadecimal(checksum(line, 0..<covered)) + [0x0a]
    }

    private static func repairCurrent(_ bytes: inout [UInt8]) {
        guard let space = bytes.firstIndex(of: 0x20) else { return }
        let name = Array(bytes[..<space])
        bytes = name + [0x20] + hexadecimal(checksum(name, 0..<name.count)) + [0x0a]
    }

    private static func hexadecimal(_ value: UInt32) -> [UInt8] {
        let digits = String(value, radix: 16)
        return Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8)
    }

    // MARK: Binary

    /// A checksum at `place` over all of the file but itself.
    private static func repairSplit(_ bytes: inout [UInt8], at place: Int) {
        guard bytes.count >= place + 4 else { return }
        let head = checksum(bytes, 0..<place)
        bytes.store(checksum(bytes, (place + 4)..<bytes.count, seed: head), at: place)
    }

    private static func repairLog(_ bytes: inout [UInt8]) {
        guard bytes.count >= 40 else { return }
        let seed = checksum(bytes, 0..<36)
        bytes.store(seed, at: 36)
        var start = 40
        while let stored = bytes.load(UInt32.self, at: start + 4),
            start + 32 + Int(stored) <= bytes.count
        {
            let end = start + 32 + Int(stored)
            bytes.store(checksum(bytes, (start + 4)..<end, seed: seed), at: start)
            start = end
        }
    }

    private static func repairSegment(_ bytes: inout [UInt8]) {
        guard bytes.count >= 48 else { return }
        bytes.store(checksum(bytes, 0..<12), at: 12)
        let trailer = bytes.count - 32
        if let offset = bytes.load(UInt64.self, at: trailer), let footer = Int(exactly: offset),
            let length = bytes.load(UInt32.self, at: trailer + 8), footer >= 16,
            footer <= trailer, Int(length) <= trailer - footer
        {
            let end = footer + Int(length)
            for section in sections(bytes, footer..<end) {
                if section.isRows { repairBlocks(&bytes, section.range) }
                bytes.store(checksum(bytes, section.range), at: section.checksumPlace)
            }
            bytes.store(checksum(bytes, footer..<end), at: trailer + 12)
        }
        bytes.store(checksum(bytes, trailer..<(trailer + 24)), at: trailer + 24)
    }

    /// The sections of a segment file that lie inside of it, by its footer; and where each one's
    /// checksum stands.
    package static func sections(
        _ bytes: [UInt8], _ footer: Range<Int>
    ) -> [(name: String, range: Range<Int>, checksumPlace: Int, isRows: Bool)] {
        var result: [(name: String, range: Range<Int>, checksumPlace: Int, isRows: Bool)] = []
        var place = footer.lowerBound + 4
        while place + 24 < footer.upperBound, result.count < 100,
            let rawOffset = bytes.load(UInt64.self, at: place),
            let rawCount = bytes.load(UInt64.self, at: place + 8),
            let encoding = bytes.load(UInt32.self, at: place + 16)
        {
            // Names are shorter than 128 bytes here, so that one byte holds their length.
            let nameEnd = place + 25 + Int(bytes[place + 24])
            guard nameEnd <= footer.upperBound else { break }
            if let offset = Int(exactly: rawOffset), let count = Int(exactly: rawCount),
                offset <= footer.lowerBound, count <= footer.lowerBound - offset
            {
                let name = String(decoding: bytes[(place + 25)..<nameEnd], as: UTF8.self)
                result.append((name, offset..<(offset + count), place + 20, encoding == 1))
            }
            place = nameEnd
        }
        return result
    }

    private static func repairBlocks(_ bytes: inout [UInt8], _ section: Range<Int>) {
        var start = section.lowerBound
        while let stored = bytes.load(UInt32.self, at: start + 4),
            start + 24 + Int(stored) <= section.upperBound
        {
            let end = start + 24 + Int(stored)
            bytes.store(checksum(bytes, (start + 4)..<end), at: start)
            start = end
        }
    }

    /// The header, each entry and its content, the index and the trailer, as far as they can be
    /// found.
    private static func repairArchive(_ bytes: inout [UInt8]) {
        guard bytes.count >= 16 else { return }
        bytes.store(checksum(bytes, 0..<12), at: 12)
        var start = 16
        while let kind = bytes.load(UInt32.self, at: start + 4),
            let nameCount = bytes.load(UInt32.self, at: start + 8),
            let rawCount = bytes.load(UInt64.self, at: start + 12),
            let count = Int(exactly: rawCount), count <= bytes.count,
            start + 24 + Int(nameCount) + count <= bytes.count
        {
            let content = start + 24 + Int(nameCount)
            let end = content + count
            bytes.store(checksum(bytes, content..<end), at: start + 20)
            bytes.store(checksum(bytes, (start + 4)..<content), at: start)
            start = end
            if kind == 2, start + 24 <= bytes.count {
                bytes.store(checksum(bytes, start..<(start + 16)), at: start + 16)
                return
            }
        }
    }

    /// The CRC32C of a part of the bytes. REQUIRES: it lies inside of them.
    package static func checksum(
        _ bytes: [UInt8], _ range: Range<Int>, seed: UInt32 = 0
    ) -> UInt32 {
        unsafe bytes.withUnsafeBytes { buffer in
            unsafe CRC32C.checksum(UnsafeRawBufferPointer(rebasing: buffer[range]), seed: seed)
        }
    }
}

extension Array<UInt8> {
    /// A little-endian integer; nil where it would leave the array.
    package func load<Integer: FixedWidthInteger>(_ type: Integer.Type, at place: Int) -> Integer? {
        let size = MemoryLayout<Integer>.size
        guard place >= 0, place <= count - size else { return nil }
        return unsafe withUnsafeBytes { buffer in
            unsafe Integer(littleEndian: buffer.loadUnaligned(fromByteOffset: place, as: type))
        }
    }

    /// Overwrites a little-endian integer. REQUIRES: it lies inside the array.
    package mutating func store<Integer: FixedWidthInteger>(_ value: Integer, at place: Int) {
        precondition(place >= 0 && place <= count - MemoryLayout<Integer>.size)
        unsafe withUnsafeMutableBytes { buffer in
            unsafe buffer.storeBytes(of: value.littleEndian, toByteOffset: place, as: Integer.self)
        }
    }
}
