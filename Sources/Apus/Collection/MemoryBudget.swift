internal import ApusCore

/// Counts what a query takes against its budget.
struct MemoryBudget {
    private let byteCountMax: Int?
    private var byteCount = 0

    init(_ budget: QueryBudget) { byteCountMax = budget.memoryByteCount }

    /// The rankings of a request and its prefetches, before they are made. None has more than all
    /// rows.
    mutating func take(rankingsOf request: QueryRequest, rowCount: Int) throws {
        guard byteCountMax != nil else { return }
        let (wanted, overflow) = request.limit.addingReportingOverflow(request.offset)
        try take(ranking: overflow ? .max : wanted, rowCount)
        var waiting = request.prefetch
        while let prefetch = waiting.popLast() {
            try take(ranking: prefetch.limit, rowCount)
            waiting += prefetch.prefetch
        }
    }

    /// A point of the answer, before the next one is read.
    mutating func take(
        _ point: ScoredPoint, of segment: any Segment, row: Int
    ) throws {
        guard byteCountMax != nil else { return }
        var needed = MemoryLayout<ScoredPoint>.stride
        if point.payload != nil { needed += try segment.payloadBytes(at: row).count }
        for vector in (point.vectors ?? [:]).values { needed += vector.byteCount }
        try take(needed, for: "the points of the answer")
    }

    private mutating func take(ranking limit: Int, _ rowCount: Int) throws {
        let count = min(max(0, limit), max(1, rowCount))
        try take(count * MemoryLayout<Hit>.stride, for: "a ranking of \(count) points")
    }

    private mutating func take(_ needed: Int, for purpose: String) throws {
        guard let byteCountMax else { return }
        byteCount += needed
        guard byteCount <= byteCountMax else {
            throw DatabaseError(
                .resourceExhausted,
                "the query needs more than its memory budget of \(byteCountMax) bytes: "
                    + "\(byteCount) with \(purpose)")
        }
    }
}

extension Vector {
    fileprivate var byteCount: Int {
        switch self {
        case .dense(let values): 4 * values.count
        case .sparse(let sparse): 8 * sparse.indices.count
        case .multi(let rows): rows.reduce(0) { $0 + 4 * $1.count }
        }
    }
}
