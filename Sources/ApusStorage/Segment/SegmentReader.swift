import ApusKernels

/// A segment file, mapped. Opening checks header, footer and trailer, in time that does not depend
/// on the file's size; a section's bytes are checked by `verifySection`.
///
/// The file never changes, so a reader may be used from any number of threads.
package final class SegmentReader: Sendable {
    package let path: String
    package let sections: [SectionDescriptor]
    private let file: MappedFile
    private let footer: Range<Int>
    private let indexByName: [String: Int]
    private static let footerByteCountUsual = 16 << 10

    private init(file: MappedFile) throws(StorageError) {
        self.file = file
        path = file.path
        // Header and footer are read at once; sections when they are verified.
        try file.populate(0..<SegmentFormat.headerByteCount)
        try file.populate(max(0, file.byteCount - Self.footerByteCountUsual)..<file.byteCount)
        (sections, footer) = unsafe try SegmentFormat.decodeSections(file.bytes, path: file.path)
        indexByName = Dictionary(
            uniqueKeysWithValues: sections.enumerated().map { ($1.name, $0) })
    }

    /// Throws `.notFound`, `.corrupt`, `.newerFormat`, and errors of the system.
    package static func open(
        fileSystem: any FileSystem = PosixFileSystem(), path: String
    ) throws(StorageError) -> SegmentReader {
        try SegmentReader(file: try fileSystem.map(path))
    }

    package var byteCount: Int { file.byteCount }

    package func hasSection(_ name: String) -> Bool { indexByName[name] != nil }

    /// Throws `.notFound` when the file has no such section.
    package func descriptor(_ name: String) throws(StorageError) -> SectionDescriptor {
        guard let index = indexByName[name] else {
            throw StorageError(.notFound, path: path, "the segment has no section \"\(name)\"")
        }
        return sections[index]
    }

    /// The bytes of a section, aligned to 4,096: valid as long as this reader lives. Throws
    /// `.notFound` when the file has no such section.
    package func section(_ name: String) throws(StorageError) -> UnsafeRawBufferPointer {
        unsafe bytes(of: try descriptor(name))
    }

    /// Compares a section's bytes with its checksum; reads all of them.
    package func verifySection(_ name: String) throws(StorageError) {
        try verify(try descriptor(name))
    }

    /// Every fault of the file's sections and of the padding between them; empty: the file is as it
    /// was written. Reads the whole file.
    package func verify() -> [StorageError] {
        var faults: [StorageError] = []
        var end = SegmentFormat.headerByteCount
        for section in sections {
            do throws(StorageError) {
                try checkPadding(end..<section.offset)
                try verify(section)
            } catch {
                faults.append(error)
            }
            end = section.offset + section.byteCount
        }
        do throws(StorageError) {
            try checkPadding(end..<footer.lowerBound)
        } catch {
            faults.append(error)
        }
        return faults
    }

    /// Tells the system how a section will be read.
    package func advise(_ advice: MappedFile.Advice, section name: String) {
        guard let index = indexByName[name] else { return }
        let section = sections[index]
        file.advise(advice, range: section.offset..<(section.offset + section.byteCount))
    }

    // The ranges below were checked against the file's size when it was opened.

    private func bytes(of section: SectionDescriptor) -> UnsafeRawBufferPointer {
        unsafe file.bytes.part(section.offset..<(section.offset + section.byteCount))
    }

    private func verify(_ section: SectionDescriptor) throws(StorageError) {
        try file.populate(section.offset..<(section.offset + section.byteCount))
        let found = unsafe CRC32C.checksum(bytes(of: section))
        guard found == section.checksum else {
            throw .checksum(
                path, at: section.offset, of: "section \"\(section.name)\"",
                expected: section.checksum, found: found)
        }
    }

    private func checkPadding(_ range: Range<Int>) throws(StorageError) {
        try file.populate(range)
        if let offset = range.first(where: { unsafe file.bytes[$0] != 0 }) {
            throw .corrupt(path, at: offset, "padding between sections is not zero")
        }
    }
}
