/// An HDF5 file as h5py writes it, such as those of ann-benchmarks: named tables of numbers in the
/// root group, and texts that say what they are.
///
/// A small reader of the HDF5 File Format Specification 3.0, in bounded memory. It knows superblocks
/// 0 to 3, groups by symbol table and by compact links, both kinds of object headers, and data that
/// lies in one piece, in the header, or in chunks by a version 1 B-tree or in a single chunk. What
/// else there is (compression, groups with very many links, other byte orders) is refused by name.
/// Checksums of version 2 structures are not looked at; every offset and length is.
package struct HDF5File: Sendable {
    package let file: InputFile
    private let root: HDF5Object
    /// Names in the root group, and where their object headers are.
    private let links: [String: Int]

    package init(path: String) throws(PipelineError) {
        file = try InputFile(path: path)
        root = try HDF5Object(in: file, at: Self.rootAddress(of: file))
        links = try HDF5Group.links(of: root, in: file)
    }

    /// The names in the root group, ascending.
    package var names: [String] { links.keys.sorted() }

    /// The rows of a table of one or two axes; with a single axis each row has one number.
    package func rows(_ name: String) throws(PipelineError) -> RowFile {
        guard let address = links[name] else {
            throw .unsupported(
                file: file.path, expected: "a dataset '\(name)'",
                found: names.isEmpty
                    ? "none" : "only " + names.prefix(8).joined(separator: ", "))
        }
        return try HDF5Dataset.rows(HDF5Object(in: file, at: address), of: file)
    }

    /// A text that is attached to the root group; nil when there is none of that name.
    package func text(attribute name: String) throws(PipelineError) -> String? {
        for message in root.messages where message.kind == .attribute {
            if let text = try HDF5Attribute.text(of: message, named: name, in: file) {
                return text
            }
        }
        return nil
    }

    private static let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]

    /// Reads the superblock.
    private static func rootAddress(of file: InputFile) throws(PipelineError) -> Int {
        var block = try HDF5Block(in: file, at: 0, count: min(96, file.size))
        guard block.bytes.starts(with: signature) else {
            throw .malformed(
                file: file.path, .byte(0), expected: "the signature of HDF5 files",
                found: file.size < 8 ? "a file of \(file.size) bytes" : "other bytes")
        }
        try block.skip(8)
        let version = try block.number(1)
        guard version <= 3 else {
            throw block.unsupported("superblock version 0, 1, 2 or 3", "\(version)")
        }
        // Versions 0 and 1 have the versions of other parts here, and a reserved byte.
        if version < 2 { try block.skip(4) }
        let sizes = (try block.number(1), try block.number(1))
        guard sizes == (8, 8) else {
            throw block.unsupported("offsets and lengths of 8 bytes", "\(sizes.0) and \(sizes.1)")
        }
        switch version {
        case 0: try block.skip(1 + 8)
        case 1: try block.skip(1 + 8 + 4)
        default: try block.skip(1)
        }
        guard try block.address() == 0 else {
            throw block.unsupported("a file without a user block", "one with it")
        }
        // Free space or extension, end of file; in versions 0 and 1 also driver information, and
        // the root's entry begins with the offset of its name.
        try block.skip(version < 2 ? 8 + 8 + 8 + 8 : 8 + 8)
        guard let address = try block.address() else {
            throw block.fault("the address of the root group", "none")
        }
        return address
    }
}
