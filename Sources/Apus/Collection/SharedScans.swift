internal import ApusCore
internal import ApusIndex
internal import ApusQuery

// A batch of queries that each scan all rows of a segment reads them once for each query, and most of
// the time goes into reading. Here those that look among the same rows for as many neighbours scan them
// together, as a product of matrices (`ExactScan.search(all:)`); all else of a query, its checks and what
// it makes of the rows, is done for each of them as if it were alone. The rows found, their order and
// their distances are the same to the last bit.

/// The exact scans that several queries of one batch have in common, carried out.
struct SharedScans: Sendable {
    /// Rows that are worth a task of its own.
    private static let taskRowsMin = 1 << 13
    private static let filteredBatchMin = 32

    /// What must be the same of queries that share a scan.
    private struct Kind: Hashable {
        let field: String
        let filter: Filter?
        let parameters: SearchParameters
        /// Rows to find, before thresholds and the points that the query itself names.
        let limit: Int
    }

    /// Some queries of one kind, and a segment that they all scan.
    fileprivate struct Scan: Sendable {
        let planned: PlannedSearch
        /// By their places in the batch.
        let requests: [Int]
        let queries: [[Float]]
        let limit: Int
    }

    /// Some rows of a scan, within one of its pieces, for some of its queries.
    private struct Task: Sendable {
        let scan: Int
        let piece: Int
        let queries: Range<Int>
        let rows: Range<Int>
    }

    /// By request and segment.
    private var searches: [[Int: PlannedSearch]]

    /// Finds and carries out what the requests have in common.
    ///
    /// Requests that will fail, that are limited in time or ask for anything but nearest neighbours by
    /// one dense vector are left alone, and so are kinds of which there are few.
    init(
        of requests: [QueryRequest], _ view: ReadView, in collection: Collection, isTimed: Bool
    ) throws {
        searches = requests.map { _ in [:] }
        guard requests.count >= ExactScan.batchMin else { return }
        let scans = try Self.scans(of: requests, view, in: collection)
        guard !scans.isEmpty else { return }
        let pool = collection.context.searchPool
        let tasks = Self.tasks(of: scans, threadCount: pool.threadCount)
        let interruption = view.interruption
        let found = pool.map(iterations: tasks.count) { number in
            let task = tasks[number]
            return scans[task.scan].run(task.rows, task.queries, interruption, isTimed: isTimed)
        }
        try interruption?.check()
        for (index, scan) in scans.enumerated() {
            let parts = zip(tasks, found).filter { $0.0.scan == index }
            for (place, request) in scan.requests.enumerated() {
                var search = scan.planned
                // Who asks first finds the rows of the filter for all.
                if place > 0, let filter = search.filterResult {
                    search.filterResult = SearchExplanation.FilterResult(
                        matchCount: filter.matchCount, source: .remembered, duration: .zero)
                }
                let own = parts.filter { $0.0.queries.contains(place) }.map {
                    (piece: $0.0.piece, result: $0.1[place - $0.0.queries.lowerBound])
                }
                search.shared = PlannedSearch.Shared(
                    result: Self.merged(own, limit: scan.limit), queryCount: scan.requests.count)
                searches[request][scan.planned.segment] = search
            }
        }
    }

    /// The searches of a request that are done, by segment.
    subscript(request: Int) -> [Int: PlannedSearch] { searches[request] }

    private static func scans(
        of requests: [QueryRequest], _ view: ReadView, in collection: Collection
    ) throws -> [Scan] {
        var kinds: [Kind: [(request: Int, query: [Float])]] = [:]
        var order: [(kind: Kind, scope: SearchScope)] = []
        let execution = QueryExecution(collection: collection, view: view)
        for (index, request) in requests.enumerated() where request.budget.time == nil {
            // Whoever carries the request out meets its mistake again.
            guard let (query, scope) = try? execution.plainSearch(request) else { continue }
            let kind = Kind(
                field: request.using ?? defaultVectorName, filter: request.filter,
                parameters: request.parameters, limit: scope.searchLimit)
            if kinds[kind] == nil { order.append((kind, scope)) }
            kinds[kind, default: []].append((index, query))
        }
        var scans: [Scan] = []
        for (kind, scope) in order {
            guard let members = kinds[kind], members.count >= ExactScan.batchMin,
                view.configuration.vectors[kind.field]?.metric != .manhattan
            else { continue }
            var scope = scope
            scope.recorder = SearchRecorder(.stages)
            for segment in view.segments.indices {
                guard
                    let planned = try view.plannedSearch(
                        for: members[0].query, field: kind.field, inSegment: segment, scope),
                    planned.plan == .scan, members.count >= batchMin(planned.statistics)
                else { continue }
                scans.append(
                    Scan(
                        planned: planned, requests: members.map(\.request),
                        queries: members.map(\.query), limit: kind.limit))
            }
        }
        return scans
    }

    /// Queries that are worth a product: rows that a filter picks have to be gathered for it.
    private static func batchMin(_ segment: SegmentStatistics) -> Int {
        let isSparse = segment.matchCount.map { $0 < segment.rowCount / 2 } ?? false
        return isSparse ? filteredBatchMin : ExactScan.batchMin
    }

    /// Tasks for all threads, where there are rows enough.
    private static func tasks(of scans: [Scan], threadCount: Int) -> [Task] {
        var tasks: [Task] = []
        for (index, scan) in scans.enumerated() {
            for (piece, rows) in scan.planned.search.pieces(of: .scan).enumerated() {
                for queries in chunks(of: 0..<scan.queries.count, sizeMax: ExactScan.batchMax) {
                    tasks.append(Task(scan: index, piece: piece, queries: queries, rows: rows))
                }
            }
        }
        guard !tasks.isEmpty, tasks.count < threadCount else { return tasks }
        let parts = (threadCount + tasks.count - 1) / tasks.count
        return tasks.flatMap { task in
            let size = max(taskRowsMin, (task.rows.count + parts - 1) / parts)
            return chunks(of: task.rows, sizeMax: size).map { rows in
                Task(scan: task.scan, piece: task.piece, queries: task.queries, rows: rows)
            }
        }
    }

    /// Parts of a range that differ by one in size at most.
    private static func chunks(of range: Range<Int>, sizeMax: Int) -> [Range<Int>] {
        let count = (range.count + sizeMax - 1) / sizeMax
        return (0..<count).map { part in
            range.lowerBound + part * range.count / count..<range.lowerBound + (part + 1)
                * range.count / count
        }
    }

    /// A query's results as if each piece had been scanned at once: `limit` rows of each, at most.
    private static func merged(
        _ parts: [(piece: Int, result: PlannedSearch.Result)], limit: Int
    ) -> PlannedSearch.Result {
        var merged = PlannedSearch.Result()
        var rest = parts[...]
        while let piece = rest.first?.piece {
            let own = rest.prefix { $0.piece == piece }
            rest = rest.dropFirst(own.count)
            var result = PlannedSearch.Result()
            for part in own { result.add(part.result) }
            if own.count > 1 { result.found = ExactScan.nearest(limit, of: result.found) }
            merged.add(result)
        }
        return merged
    }
}

extension SharedScans.Scan {
    /// What each of some queries finds among `rows`, with its share of what that took.
    fileprivate func run(
        _ rows: Range<Int>, _ part: Range<Int>, _ interruption: Interruption?, isTimed: Bool
    ) -> [PlannedSearch.Result] {
        let watch = SearchWatch(interruption: interruption)
        let start = isTimed ? ContinuousClock.now : nil
        let found = planned.search.scan(rows, for: Array(queries[part]), limit: limit, watch: watch)
        let duration = start.map { (ContinuousClock.now - $0) / part.count } ?? .zero
        return found.map { found in
            PlannedSearch.Result(
                found: found, measuredCount: watch.measuredCount / part.count,
                rescoredCount: watch.rescoredCount / part.count, duration: duration)
        }
    }
}
