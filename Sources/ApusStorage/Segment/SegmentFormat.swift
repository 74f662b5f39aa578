import ApusCore
import ApusKernels

/// The constants of a segment file; `docs/format.md` has its bytes as tables.
enum SegmentFormat {
    /// Persisted. "APSG", read as a little-endian number.
    static let magic: UInt32 = 0x4753_5041
    /// Persisted. "APSE": the last four bytes of the file.
    static let endMagic: UInt32 = 0x4553_5041
    /// Persisted.
    static let version: UInt16 = 1
    static let headerByteCount = 16
    static let trailerByteCount = 32
    /// Sections start at multiples of this, so that they can be mapped and read by page.
    static let alignment = 4096
    static let sectionCountMax = 65_535
}

/// How the bytes of a section are to be read. Storage gives meaning to the numbers below 16; the
/// others belong to whoever writes the sections. Persisted; a number is never used again.
package struct SectionEncoding: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let raw = SectionEncoding(rawValue: 0)
    /// Blocks of rows: `RowBlockFormat`.
    package static let rowBlocks = SectionEncoding(rawValue: 1)
    package static let rowIndex = SectionEncoding(rawValue: 2)
}

/// Where a section lies in its file, and how to check it.
package struct SectionDescriptor: Hashable, Sendable {
    package var name: String
    package var encoding: SectionEncoding
    /// From the start of the file, a multiple of 4,096.
    package var offset: Int
    package var byteCount: Int
    /// CRC32C of the section's bytes.
    package var checksum: UInt32
}

extension SegmentFormat {
    static func encodedHeader() -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: headerByteCount)
        writer.write(magic)
        writer.write(version)
        writer.write(UInt16(0))
        writer.write(UInt32(0))
        writer.write(checksum(writer.bytes))
        return writer.bytes
    }

    static func encodedFooter(_ sections: [SectionDescriptor]) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(UInt32(sections.count))
        for section in sections {
            writer.write(UInt64(section.offset))
            writer.write(UInt64(section.byteCount))
            writer.write(section.encoding.rawValue)
            writer.write(section.checksum)
            writer.writeString(section.name)
        }
        return writer.bytes
    }

    static func encodedTrailer(footerOffset: UInt64, footer: [UInt8]) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: trailerByteCount)
        writer.write(footerOffset)
        writer.write(UInt32(footer.count))
        writer.write(checksum(footer))
        writer.write(version)
        writer.write(UInt16(0))
        writer.write(UInt32(0))
        writer.write(checksum(writer.bytes))
        writer.write(endMagic)
        return writer.bytes
    }

    /// The sections of a segment file, with every bound checked: they lie in order between header
    /// and footer, aligned and apart. The sections' own bytes are not looked at.
    static func decodeSections(
        _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(StorageError) -> (sections: [SectionDescriptor], footer: Range<Int>) {
        guard bytes.count >= headerByteCount + trailerByteCount else {
            throw .corrupt(path, at: 0, "a segment of \(bytes.count) bytes is cut off")
        }
        unsafe try checkHeader(bytes, path: path)
        let start = bytes.count - trailerByteCount
        let (footer, sum) = unsafe try decodeTrailer(
            bytes.part(start..<bytes.count), at: start, path: path)
        let sections = unsafe try decodeFooter(bytes.part(footer), footer, sum: sum, path: path)
        return (sections, footer)
    }

    /// The same for a file that is read and not mapped.
    static func readSections(
        of file: any File
    ) throws(StorageError) -> [SectionDescriptor] {
        let path = file.path
        guard let size = Int(exactly: try file.size()),
            size >= headerByteCount + trailerByteCount
        else { throw .corrupt(path, at: 0, "the segment is cut off") }
        let header = try file.bytes(at: 0, count: headerByteCount)
        try unsafe header.span.withUnsafeBytes { (bytes) throws(StorageError) in
            unsafe try checkHeader(bytes, path: path)
        }
        let start = size - trailerByteCount
        let trailer = try file.bytes(at: UInt64(start), count: trailerByteCount)
        let (range, sum) = try unsafe trailer.span.withUnsafeBytes { (bytes) throws(StorageError) in
            unsafe try decodeTrailer(bytes, at: start, path: path)
        }
        let footer = try file.bytes(at: UInt64(range.lowerBound), count: range.count)
        return try unsafe footer.span.withUnsafeBytes { (bytes) throws(StorageError) in
            unsafe try decodeFooter(bytes, range, sum: sum, path: path)
        }
    }

    private static func checkPlaces(
        of sections: [SectionDescriptor], before footer: Range<Int>, path: String
    ) throws(StorageError) {
        var end = headerByteCount
        for section in sections {
            guard section.offset % alignment == 0, section.offset >= end,
                section.offset <= footer.lowerBound,
                section.byteCount <= footer.lowerBound - section.offset
            else {
                throw .corrupt(
                    path, at: footer.lowerBound,
                    "the footer puts section \(section.name) at \(section.offset) with "
                        + "\(section.byteCount) bytes, which is not possible")
            }
            end = section.offset + section.byteCount
        }
        guard Set(sections.map(\.name)).count == sections.count else {
            throw .corrupt(path, at: footer.lowerBound, "two sections have the same name")
        }
    }

    private static func checkHeader(
        _ bytes: UnsafeRawBufferPointer, path: String
    ) throws(StorageError) {
        let (magic, version, flags, reserved, stored) = unsafe try decoding(
            bytes, path: path, "the segment header"
        ) { (reader) throws(MalformedBytes) in
            (
                try reader.read(UInt32.self), try reader.read(UInt16.self),
                try reader.read(UInt16.self), try reader.read(UInt32.self),
                try reader.read(UInt32.self)
            )
        }
        guard magic == self.magic else {
            throw .corrupt(path, at: 0, "no segment: it does not start with \"APSG\"")
        }
        unsafe try checkVersion(
            version, known: self.version, of: "the segment", path: path, stored: stored,
            bytes.part(0..<(headerByteCount - 4)))
        let computed = unsafe CRC32C.checksum(bytes.part(0..<(headerByteCount - 4)))
        guard computed == stored else {
            throw .checksum(
                path, at: 0, of: "the segment header", expected: stored, found: computed)
        }
        guard version == self.version, flags == 0, reserved == 0 else {
            throw .corrupt(path, at: 0, "a segment header with impossible values")
        }
    }

    /// Where the footer lies, and its checksum; `start` is where the trailer does.
    private static func decodeTrailer(
        _ trailer: UnsafeRawBufferPointer, at start: Int, path: String
    ) throws(StorageError) -> (footer: Range<Int>, sum: UInt32) {
        let fileByteCount = start + trailerByteCount
        let (offset, length, footerSum, version, flags, reserved) = unsafe try decoding(
            trailer, path: path, base: start, "the segment trailer"
        ) { (reader) throws(MalformedBytes) in
            (
                try reader.read(UInt64.self), try reader.read(UInt32.self),
                try reader.read(UInt32.self), try reader.read(UInt16.self),
                try reader.read(UInt16.self), try reader.read(UInt32.self)
            )
        }
        let (sum, endMagic) = unsafe try decoding(
            trailer.part(24..<32), path: path, base: start + 24, "the segment trailer"
        ) { (reader) throws(MalformedBytes) in
            (try reader.read(UInt32.self), try reader.read(UInt32.self))
        }
        guard endMagic == self.endMagic else {
            throw .corrupt(
                path, at: fileByteCount - 4, "the segment does not end with \"APSE\": it is cut off"
            )
        }
        let computed = unsafe CRC32C.checksum(trailer.part(0..<24))
        guard computed == sum else {
            throw .checksum(
                path, at: start, of: "the segment trailer", expected: sum, found: computed)
        }
        guard version == self.version, flags == 0, reserved == 0,
            let footerStart = Int(exactly: offset),
            footerStart >= headerByteCount, footerStart <= start,
            Int(length) == start - footerStart
        else {
            throw .corrupt(
                path, at: start,
                "the trailer puts a footer of \(length) bytes at \(offset), in a file of "
                    + "\(fileByteCount)")
        }
        return (footerStart..<start, footerSum)
    }

    private static func decodeFooter(
        _ bytes: UnsafeRawBufferPointer, _ footer: Range<Int>, sum: UInt32, path: String
    ) throws(StorageError) -> [SectionDescriptor] {
        let found = unsafe CRC32C.checksum(bytes)
        guard found == sum else {
            throw .checksum(
                path, at: footer.lowerBound, of: "the segment footer", expected: sum, found: found)
        }
        let sections = unsafe try decoding(
            bytes, path: path, base: footer.lowerBound, "the segment footer"
        ) { (reader) throws(MalformedBytes) in
            let count = try reader.read(UInt32.self)
            guard count <= UInt32(sectionCountMax) else {
                throw MalformedBytes("\(count) sections", offset: 0)
            }
            var sections: [SectionDescriptor] = []
            for _ in 0..<count {
                let offset = try reader.read(UInt64.self)
                let byteCount = try reader.read(UInt64.self)
                let encoding = SectionEncoding(rawValue: try reader.read())
                let sum = try reader.read(UInt32.self)
                let name = try reader.readString()
                guard let offset = Int(exactly: offset), let byteCount = Int(exactly: byteCount)
                else { throw MalformedBytes("a place beyond any file", offset: reader.offset) }
                sections.append(
                    SectionDescriptor(
                        name: name, encoding: encoding, offset: offset, byteCount: byteCount,
                        checksum: sum))
            }
            guard reader.isAtEnd else {
                throw MalformedBytes("bytes after the last section", offset: reader.offset)
            }
            return sections
        }
        try checkPlaces(of: sections, before: footer, path: path)
        return sections
    }
}
