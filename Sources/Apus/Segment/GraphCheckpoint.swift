internal import ApusCore
private import ApusIndex
private import ApusKernels
internal import ApusStorage
private import Foundation

/// The graphs of a growing segment, written now and then, so that a start after a crash inserts
/// only the rows that came later.
///
/// Rows come back from the log; a graph depends on its rows alone, so one that was written for the
/// first rows of the segment is the one that inserting them again would give. A checkpoint that
/// does not belong to the rows, or is damaged, is passed over: nothing is lost but time.
///
/// It is a container of sections like a segment file: `meta`, JSON, and `graph.<f>.<part>` for each
/// dense field with a graph, by ascending name.
enum GraphCheckpoint {
    private static let formatVersion = 1
    private static let metaSection = "meta"

    private struct Metadata: Codable {
        var formatVersion: Int
        /// Rows that the graphs reach to, the furthest of them.
        var rowCount: Int
        /// Of those rows' id records, then of their versions.
        var rowsChecksum: UInt32
        var fields: [String]
    }

    /// Writes the graphs of the rows that they have reached. All of those rows are durable, and
    /// nobody inserts meanwhile.
    static func write(_ segment: GrowingSegment, fileSystem: any FileSystem, path: String) throws {
        let fields = graphs(of: segment)
        let rowCount = fields.map(\.index.indexedCount).max() ?? 0
        let metadata = Metadata(
            formatVersion: formatVersion, rowCount: rowCount,
            rowsChecksum: checksum(of: segment, rowCount: rowCount), fields: fields.map(\.name))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let writer = try SegmentWriter(fileSystem: fileSystem, path: path)
        try writer.addSection(
            name: metaSection, encoding: .raw, bytes: [UInt8](try encoder.encode(metadata)))
        for (position, field) in fields.enumerated() {
            unsafe try field.index.withEncodedSections { part, bytes in
                let name = SegmentFile.Section.graph(position, part)
                try writer.addSection(name: name, encoding: .raw) { unsafe try $0.append(bytes) }
            }
        }
        try writer.finish()
    }

    /// Takes over the graphs into a segment whose rows were replayed from the log and are in no
    /// graph yet; throws when the checkpoint cannot be read or was written for other rows.
    static func load(
        into segment: GrowingSegment, fileSystem: any FileSystem, path: String
    ) throws {
        let reader = try SegmentReader.open(fileSystem: fileSystem, path: path)
        try reader.verifySection(metaSection)
        let metadata = try JSONDecoder().decode(
            Metadata.self, from: unsafe Data(try reader.section(metaSection)))
        let fields = graphs(of: segment)
        guard metadata.formatVersion == formatVersion, metadata.fields == fields.map(\.name),
            metadata.rowCount >= 0, metadata.rowCount <= segment.rowCount,
            metadata.rowsChecksum == checksum(of: segment, rowCount: metadata.rowCount)
        else {
            throw DatabaseError(.corruption, "\(path): the graphs of other rows")
        }
        for (position, field) in fields.enumerated() {
            var sections: [HNSWFormat.Section: UnsafeRawBufferPointer] = unsafe [:]
            for part in HNSWFormat.Section.allCases {
                let name = SegmentFile.Section.graph(position, part)
                try reader.verifySection(name)
                unsafe sections[part] = try reader.section(name)
            }
            unsafe try field.index.adopt(sections: sections, rowCount: metadata.rowCount)
        }
    }

    private static func graphs(of segment: GrowingSegment) -> [(name: String, index: HNSWIndex)] {
        segment.denseFields.values.sorted { $0.name < $1.name }
            .compactMap { field in field.index.map { (field.name, $0) } }
    }

    private static func checksum(of segment: GrowingSegment, rowCount: Int) -> UInt32 {
        let ids = unsafe CRC32C.checksum(segment.idBytes(count: rowCount))
        return unsafe CRC32C.checksum(segment.versionBytes(count: rowCount), seed: ids)
    }
}

extension GrowingSegment {
    /// Rows that every graph has reached; 0 when there are no graphs.
    var rowCountInGraphs: Int {
        denseFields.values.contains { $0.index != nil } ? indexedCount : 0
    }
}
