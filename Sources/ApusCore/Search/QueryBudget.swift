/// What a query may cost. Where it would cost more, it is answered with less recall, and says so, or
/// is refused: it does not run on.
public struct QueryBudget: Hashable, Sendable {
    /// Time for the searches in vectors, by what the planner estimates. Searches that would take
    /// longer look at fewer candidates, and the answer tells the recall to expect of that. A timeout is
    /// what ends a query whose estimate was wrong.
    public var time: Duration?
    /// Bytes that rankings, and the payloads and vectors of the answer, may take.
    public var memoryByteCount: Int?

    public init(time: Duration? = nil, memoryByteCount: Int? = nil) {
        self.time = time
        self.memoryByteCount = memoryByteCount
    }

    /// Throws when a value is outside its range, or contradicts the request.
    package func validate(with parameters: SearchParameters) throws(DatabaseError) {
        if let time, time <= .zero {
            throw DatabaseError(
                .validation, "Validation error: a time budget of \(time), must be above 0")
        }
        if let memoryByteCount, memoryByteCount <= 0 {
            throw DatabaseError(
                .validation,
                "Validation error: a memory budget of \(memoryByteCount) bytes, must be above 0")
        }
        if time != nil, parameters.exact {
            throw DatabaseError(
                .validation, "Validation error: a time budget and params.exact exclude each other")
        }
    }
}
