package import ApusCore
import ApusWire

/// The query parameters that operations share. Unknown ones are ignored.
///
/// The two consistency settings are checked and then have no effect: a single node has nothing to
/// wait for beyond the write itself.
package struct QueryParameters: Sendable {
    /// Answer a write once it is durable and visible, not once it is queued.
    package private(set) var wait = false
    /// Said so: for what takes long and is waited for otherwise.
    package private(set) var doesNotWait = false
    /// An explanation compares what was chosen with what was not.
    package private(set) var compares = false
    /// Of a snapshot's archive: SHA-256 in hexadecimal.
    package private(set) var checksum: String?
    /// Seconds that a read may take, at least 1. Writes take as long as it takes.
    package private(set) var timeoutSeconds: Int?

    /// The version to wait for, and for how long at most.
    package private(set) var versionAtLeast: SequenceNumber?
    package private(set) var waitTime: Duration?

    /// Of a reader of changes: the last version that it has, the history of which that is, and
    /// whether it wants those to come too.
    package private(set) var after = SequenceNumber.zero
    package private(set) var log = ""
    package private(set) var follows = true
    /// Of a bulk upsert: whose points these are.
    package private(set) var source = ""
    /// The same of a pipeline, whose batches say their positions.
    package private(set) var pipeline = ""
    /// Of a card: only for fields that have no vectors yet.
    package private(set) var ifEmpty = false

    package init(_ query: Substring) throws(DatabaseError) {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try percentDecoded(parts[0], plusIsSpace: true)
            let value = try percentDecoded(parts.count > 1 ? parts[1] : "", plusIsSpace: true)
            switch name {
            case "wait":
                wait = try Self.boolean(value, name)
                doesNotWait = !wait
            case "compare": compares = try Self.boolean(value, name)
            case "checksum": checksum = value
            case "priority":
                try Self.check(value, name, among: ["no_sync", "snapshot", "replica"])
            case "at_least": versionAtLeast = try Self.version(value, name)
            case "after": after = try Self.version(value, name)
            case "log": log = value
            case "follow": follows = try Self.boolean(value, name)
            case "source": source = value
            case "pipeline": pipeline = value
            case "if_empty": ifEmpty = try Self.boolean(value, name)
            case "wait_seconds":
                guard let seconds = Double(value) else {
                    throw Self.invalid(name, value, "seconds")
                }
                waitTime = try VersionWait.time(seconds: seconds, in: "query parameters")
            case "timeout": timeoutSeconds = try Self.timeout(value)
            case "ordering": try Self.check(value, name, among: ["weak", "medium", "strong"])
            case "consistency":
                if UInt(value).map({ $0 > 0 }) == true { continue }
                try Self.check(value, name, among: ["majority", "quorum", "all"])
            default: continue
            }
        }
    }

    private static func boolean(_ value: String, _ name: String) throws(DatabaseError) -> Bool {
        switch value {
        case "true": true
        case "false": false
        default: throw invalid(name, value, "`true` or `false`")
        }
    }

    private static func version(
        _ value: String, _ name: String
    ) throws(DatabaseError) -> SequenceNumber {
        guard let number = UInt64(value) else {
            throw invalid(name, value, "the number of a version")
        }
        return try VersionWait.version(number, in: "query parameters")
    }

    private static func timeout(_ value: String) throws(DatabaseError) -> Int {
        guard let seconds = Int(value) else { throw invalid("timeout", value, "an integer") }
        guard seconds >= 1 else {
            throw DatabaseError(
                .validation,
                "Validation error in query parameters: "
                    + "[timeout: value \(seconds) invalid, must be 1 or larger]")
        }
        return seconds
    }

    private static func check(
        _ value: String, _ name: String, among allowed: [String]
    ) throws(DatabaseError) {
        guard allowed.contains(value) else {
            throw invalid(name, value, "one of \(allowed.joined(separator: ", "))")
        }
    }

    private static func invalid(
        _ name: String, _ value: String, _ expected: String
    ) -> DatabaseError {
        DatabaseError(
            .invalidArgument,
            "Format error in query parameters: \(name) is `\(value)`, expected \(expected)")
    }
}
