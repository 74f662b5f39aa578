/// The account of a log's space: what the newest file has allocated and no batch has taken.
///
/// A batch gets its number only when the space for its record is there, so that a full disk is met
/// before anything is promised (docs/adr/0007). Callers that find too little ask the log's thread
/// for more and wait for its answer.
struct WALSpace {
    /// Bytes that are allocated and not taken by a record, written or pending.
    private(set) var freeByteCount: UInt64 = 0
    /// What the callers that wait need to be free, most and least; nil: nobody waits.
    private var needs: ClosedRange<UInt64>?
    private var askCount = 0
    private var answerCount = 0
    private var refusal: StorageError?

    /// Gives a record its space, if that leaves `reserve` free.
    mutating func take(_ byteCount: UInt64, leaving reserve: UInt64) -> Bool {
        guard freeByteCount >= byteCount + reserve else { return false }
        freeByteCount -= byteCount
        return true
    }

    mutating func add(_ byteCount: UInt64) { freeByteCount += byteCount }

    /// Asks for at least `byteCount` free bytes. Returns the ticket for the answer.
    mutating func ask(for byteCount: UInt64) -> Int {
        needs =
            min(needs?.lowerBound ?? byteCount, byteCount)...max(needs?.upperBound ?? 0, byteCount)
        askCount += 1
        return askCount
    }

    /// The answer to a ticket has come.
    func isAnswered(_ ticket: Int) -> Bool { ticket <= answerCount }

    /// Why the last answer is no.
    var lastRefusal: StorageError? { refusal }

    struct Request {
        var needs: ClosedRange<UInt64>
        /// As it was then; only the asker changes it upwards.
        var freeByteCount: UInt64
        fileprivate var ticket: Int
    }

    var isAsked: Bool { needs != nil }

    mutating func takeRequest() -> Request? {
        guard let needs else { return nil }
        self.needs = nil
        return Request(needs: needs, freeByteCount: freeByteCount, ticket: askCount)
    }

    mutating func answer(_ request: Request, refusal: StorageError?) {
        answerCount = request.ticket
        self.refusal = refusal
    }
}
