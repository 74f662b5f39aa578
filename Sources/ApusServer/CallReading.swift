import Apus
import ApusCore
import ApusWire
import Synchronization

/// What a call says in its headers about how it reads, and what its answer says in return.
///
/// Both doors put it around every call; `Operations` looks at it, so that every reading method of
/// both protocols takes the headers.
final class CallReading: Sendable {
    @TaskLocal static var current: CallReading?

    private let options: ReadingOptions
    private let timeoutSeconds: Int?
    private let found = Mutex<(version: SequenceNumber?, recall: Double?)>((nil, nil))

    /// - Parameter timeoutSeconds: what the call's parameters say.
    init(timeoutSeconds: Int?, options: ReadingOptions) {
        self.timeoutSeconds = timeoutSeconds
        self.options = options
    }

    convenience init(
        timeoutSeconds: Int?, header: (_ name: String) -> String?
    ) throws(DatabaseError) {
        self.init(timeoutSeconds: timeoutSeconds, options: try ReadingOptions(header: header))
    }

    /// The same for a method whose message may say more than the headers do.
    func changed(
        _ change: (inout ReadingOptions) throws(DatabaseError) -> Void
    ) throws(DatabaseError) -> CallReading {
        var options = options
        try change(&options)
        return CallReading(timeoutSeconds: timeoutSeconds, options: options)
    }

    /// The headers of the answer.
    var answerHeaders: [(name: String, value: String)] {
        let (version, recall) = found.withLock { $0 }
        var headers: [(String, String)] = []
        if let version { headers.append((ReadVersion.headerName, version.description)) }
        if let recall {
            headers.append((RecallHeader.expected, RecallHeader.expectedText(recall)))
        }
        return headers
    }

    /// The version that reads of the collection shall see; nil: the newest.
    static func version(in collection: Collection) -> SequenceNumber? {
        current?.resolve(collection)
    }

    /// Waits until reads see the version that the call wants to see at least.
    static func waitForVersion(in collection: Collection) async throws {
        guard let options = current?.options, let version = options.versionAtLeast else { return }
        try await collection.waitForVersion(version, within: options.waitTime)
    }

    /// Throws when the collection's strict mode refuses so long a time as the call asks for.
    static func checkTimeout(in collection: Collection) throws {
        guard let seconds = current?.timeoutSeconds else { return }
        try collection.checkTimeout(seconds: seconds)
    }

    /// A scroll may say it in its body too, which goes first.
    static func applied(to request: ScrollRequest, in collection: Collection) -> ScrollRequest {
        guard request.version == .latest, let version = version(in: collection) else {
            return request
        }
        var request = request
        request.version = .number(version)
        return request
    }

    /// A search may say what it may cost, and what recall it wants or how to get it, in its body too,
    /// which goes first.
    static func applied(to request: QueryRequest) -> QueryRequest {
        guard let options = current?.options else { return request }
        var request = request
        request.budget.time = request.budget.time ?? options.budget.time
        request.budget.memoryByteCount =
            request.budget.memoryByteCount ?? options.budget.memoryByteCount
        if request.parameters.targetRecall == nil, request.parameters.ef == nil,
            !request.parameters.exact
        {
            request.parameters.targetRecall = options.targetRecall
        }
        return request
    }

    static func applied(to request: GroupsRequest) -> GroupsRequest {
        var request = request
        request.query = applied(to: request.query)
        return request
    }

    /// The lowest recall that the answers expect goes into the header.
    static func note(_ answers: [QueryAnswer]) {
        guard let current else { return }
        let expected = answers.compactMap(\.recallExpected)
        let lowest = expected.count == answers.count ? expected.min() : nil
        current.found.withLock { $0.recall = lowest }
    }

    private func resolve(_ collection: Collection) -> SequenceNumber? {
        let version: SequenceNumber? =
            switch options.version {
            case nil, .latest: nil
            case .pin: collection.pinVersion()
            case .number(let number): number
            }
        found.withLock { $0.version = version }
        return version
    }
}
