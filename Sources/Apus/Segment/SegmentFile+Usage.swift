internal import ApusCore
internal import ApusStorage

extension SegmentFile {
    /// The sizes of the file's sections by what they hold. O(sections).
    static func usage(of reader: SegmentReader) -> StorageUsage {
        reader.sections.reduce(into: StorageUsage()) { usage, section in
            usage[part(ofSection: section.name)].disk += section.byteCount
        }
    }

    /// The same of one dense field.
    static func usage(of reader: SegmentReader, field position: Int) -> StorageUsage {
        reader.sections.reduce(into: StorageUsage()) { usage, section in
            let words = section.name.split(separator: ".")
            guard words.count > 1, words[1] == String(position) else { return }
            usage[part(ofSection: section.name)].disk += section.byteCount
        }
    }

    private static func part(ofSection name: String) -> StorageUsage.Part {
        switch name.prefix(while: { $0 != "." }) {
        case "vectors", "presence": .vectors
        case "codes", "rabitq", "ivf": .codes
        case "graph": .graph
        case "payload", "values": .payload
        case "extras", "sparse": .sparse
        // What says which rows there are, and the description of all sections.
        default: .ids
        }
    }
}
