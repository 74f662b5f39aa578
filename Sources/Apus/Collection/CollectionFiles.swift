internal import ApusCore
internal import ApusStorage

/// Where the files of one collection lie.
struct CollectionFiles: Sendable {
    let directory: String
    let store: ManifestStore

    init(directory: String, fileSystem: any FileSystem) {
        self.directory = directory
        store = ManifestStore(fileSystem: fileSystem, directory: directory)
    }

    var logDirectory: String { "\(directory)/\(FileName.walDirectory)" }

    func segment(_ number: UInt64) -> String { "\(directory)/\(FileName.segment(number))" }

    /// The graphs of a growing segment whose first row was written by batch `first`.
    func checkpoint(_ first: SequenceNumber) -> String {
        "\(directory)/\(FileName.checkpoint(firstSequenceNumber: first))"
    }

    /// The file that says which rows of a segment are deleted; nil: none is.
    func deletions(of entry: Manifest.Segment) -> String? {
        entry.deletionFileLSN.map {
            "\(directory)/\(FileName.deletions(segment: entry.number, at: $0))"
        }
    }

    /// The files of one segment.
    func paths(of entry: Manifest.Segment) -> [String] {
        [segment(entry.number)] + [deletions(of: entry)].compactMap { $0 }
    }

    /// The directory name of a collection: its name, with every byte other than ASCII letters,
    /// digits, `-` and `_` as `%XX`.
    static func directoryName(of collection: String) -> String {
        var name = ""
        for byte in collection.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                name.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                name += "%" + (digits.count == 1 ? "0" + digits : digits)
            }
        }
        return name
    }

    /// The collection that a directory name stands for; nil: none.
    static func collection(ofDirectory name: String) -> String? {
        var bytes: [UInt8] = []
        var rest = name.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2)
            guard let value = UInt8(String(Substring(digits)), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        guard let collection = String(validating: bytes, as: UTF8.self),
            directoryName(of: collection) == name
        else { return nil }
        return collection
    }
}
