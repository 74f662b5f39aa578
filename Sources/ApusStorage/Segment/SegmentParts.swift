private import ApusKernels

/// The sections of a segment file that lies elsewhere and may be damaged or change: read, and not
/// mapped, so that bytes that are not there are an error.
package struct SegmentParts {
    private static let pieceByteCount = 1 << 20

    package let sections: [SectionDescriptor]
    private let file: any File

    /// Checks header, footer and trailer. Throws `.corrupt`, `.newerFormat`, and errors of the
    /// system.
    package init(_ file: any File) throws(StorageError) {
        self.file = file
        sections = try SegmentFormat.readSections(of: file)
    }

    /// A section as a whole, which fits its checksum. For small ones.
    package func bytes(of name: String) throws(StorageError) -> [UInt8] {
        guard let section = sections.first(where: { $0.name == name }) else {
            throw StorageError(.notFound, path: file.path, "the segment has no section \"\(name)\"")
        }
        let bytes = try file.bytes(at: UInt64(section.offset), count: section.byteCount)
        try check(section, CRC32C.checksum(of: bytes))
        return bytes
    }

    /// Copies a section to another file and compares what was copied with its checksum.
    package func copy(_ section: SectionDescriptor, to writer: SegmentWriter) throws {
        try writer.addSection(name: section.name, encoding: section.encoding) { sink in
            var offset = 0
            while offset < section.byteCount {
                let count = min(Self.pieceByteCount, section.byteCount - offset)
                try sink.append(
                    try file.bytes(at: UInt64(section.offset + offset), count: count))
                offset += count
            }
            try check(section, sink.checksum)
        }
    }

    private func check(
        _ section: SectionDescriptor, _ found: UInt32
    ) throws(StorageError) {
        guard found == section.checksum else {
            throw .checksum(
                file.path, at: section.offset, of: "section \"\(section.name)\"",
                expected: section.checksum, found: found)
        }
    }
}
