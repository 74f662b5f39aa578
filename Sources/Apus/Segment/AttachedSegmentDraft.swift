internal import ApusCore
internal import ApusStorage
private import Foundation

/// A built segment file on its way into a collection: everything is copied but the rows' batch
/// numbers, which are known only when it is attached.
final class AttachedSegmentDraft {
    let number: UInt64
    let rowCount: Int
    private let writer: SegmentWriter

    /// Copies the file to `path`, section by section, each compared with its checksum; it is
    /// durable but for its end when this returns.
    init(
        of file: SegmentBuildRecord.File, at source: String, number: UInt64, to path: String,
        fileSystem: any FileSystem
    ) throws {
        self.number = number
        rowCount = file.rowCount
        let parts = try SegmentParts(try fileSystem.open(source, .read))
        var metadata = try SegmentFile.metadata(
            decoding: try parts.bytes(of: SegmentFile.Section.meta), path: source)
        guard metadata.rowCount == file.rowCount else {
            throw DatabaseError(
                .corruption,
                "\(source): \(metadata.rowCount) rows, the record of the build says "
                    + "\(file.rowCount)")
        }
        metadata.number = number
        writer = try SegmentWriter(
            fileSystem: fileSystem, path: path, expectedByteCount: file.byteCount)
        try writer.addSection(
            name: SegmentFile.Section.meta, encoding: .raw,
            bytes: try SegmentFile.encoded(metadata))
        let versions = SegmentFile.Section.versions
        let left = [SegmentFile.Section.meta, versions, SectionSums.name(of: versions)]
        for section in parts.sections where !left.contains(section.name) {
            try parts.copy(section, to: writer)
        }
        try writer.synchronize()
    }

    /// Makes the file whole: all of its rows are of batch `lsn`.
    func finish(at lsn: SequenceNumber) throws {
        let versions = [UInt64](repeating: lsn.rawValue.littleEndian, count: rowCount)
        try unsafe versions.withUnsafeBytes {
            unsafe try writer.addRows(SegmentFile.Section.versions, $0)
        }
        try writer.finish()
    }
}
