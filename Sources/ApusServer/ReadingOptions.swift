import ApusCore
import ApusWire

/// How a call wants to read, whichever way it says so: in headers, or in its message.
struct ReadingOptions: Hashable, Sendable {
    /// nil: the newest.
    var version: ReadVersion?
    /// Reads wait until they see this version.
    var versionAtLeast: SequenceNumber?
    /// At most so long.
    var waitTime = VersionWait.timeDefault
    var targetRecall: Double?
    var budget = QueryBudget()

    init(header: (_ name: String) -> String?) throws(DatabaseError) {
        version = try header(ReadVersion.headerName).map(ReadVersion.init(header:))
        versionAtLeast = try header(VersionWait.headerName).map(VersionWait.version(from:))
        if let text = header(VersionWait.timeHeaderName) {
            waitTime = try VersionWait.time(from: text)
        }
        targetRecall = try header(RecallHeader.target).map(RecallHeader.target(from:))
        budget = try QueryBudget(header: header)
    }
}
