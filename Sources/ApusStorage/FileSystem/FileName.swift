package import ApusCore

/// The names of the files of a database directory, and back from names to what they mean.
package enum FileName {
    package static let marker = "APUS"
    package static let lock = "LOCK"
    package static let reserve = "RESERVE"
    package static let current = "CURRENT"
    package static let walDirectory = "wal"
    package static let temporarySuffix = ".tmp"

    /// The directory that holds what a path names.
    package static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// `<first LSN, 20 digits>.wal`
    package static func wal(firstSequenceNumber: SequenceNumber) -> String {
        padded(firstSequenceNumber.rawValue, digits: 20) + walSuffix
    }

    package static func firstSequenceNumber(ofWAL name: String) -> SequenceNumber? {
        guard name.hasSuffix(walSuffix), let number = UInt64(name.dropLast(walSuffix.count)),
            wal(firstSequenceNumber: SequenceNumber(number)) == name
        else { return nil }
        return SequenceNumber(number)
    }

    /// `MANIFEST-<generation>`
    package static func manifest(generation: UInt64) -> String {
        manifestPrefix + padded(generation, digits: 8)
    }

    package static func generation(ofManifest name: String) -> UInt64? {
        guard name.hasPrefix(manifestPrefix),
            let number = UInt64(name.dropFirst(manifestPrefix.count)),
            manifest(generation: number) == name
        else { return nil }
        return number
    }

    /// `<number>.seg`
    package static func segment(_ number: UInt64) -> String {
        padded(number, digits: 8) + segmentSuffix
    }

    package static func number(ofSegment name: String) -> UInt64? {
        guard name.hasSuffix(segmentSuffix),
            let number = UInt64(name.dropLast(segmentSuffix.count)),
            segment(number) == name
        else { return nil }
        return number
    }

    /// `<segment number>.del-<LSN>`
    package static func deletions(segment: UInt64, at lsn: SequenceNumber) -> String {
        padded(segment, digits: 8) + deletionsInfix + String(lsn.rawValue)
    }

    package static func deletions(_ name: String) -> (segment: UInt64, at: SequenceNumber)? {
        let parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let number = UInt64(parts[0]),
            let lsn = UInt64(parts[1].dropFirst(deletionsInfix.count - 1)),
            deletions(segment: number, at: SequenceNumber(lsn)) == name
        else { return nil }
        return (number, SequenceNumber(lsn))
    }

    /// `<first LSN, 20 digits>.graph`
    package static func checkpoint(firstSequenceNumber: SequenceNumber) -> String {
        padded(firstSequenceNumber.rawValue, digits: 20) + checkpointSuffix
    }

    package static func firstSequenceNumber(ofCheckpoint name: String) -> SequenceNumber? {
        guard name.hasSuffix(checkpointSuffix),
            let number = UInt64(name.dropLast(checkpointSuffix.count)),
            checkpoint(firstSequenceNumber: SequenceNumber(number)) == name
        else { return nil }
        return SequenceNumber(number)
    }

    private static let walSuffix = ".wal"
    private static let checkpointSuffix = ".graph"
    private static let manifestPrefix = "MANIFEST-"
    private static let segmentSuffix = ".seg"
    private static let deletionsInfix = ".del-"

    private static func padded(_ number: UInt64, digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
