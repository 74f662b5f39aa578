internal import ApusCore
internal import ApusIndex

/// A filter of which it is not known yet which rows of a segment match, and what is known.
struct OpenFilter: Sendable {
    let key: FilterCache.Key
    /// `expected` by a sample, where indexes do not tell.
    let estimate: FilterEstimate
    /// How often it was asked of the segment.
    let askedCount: Int

    /// The first `limit` of some rows that match, and how many were asked for them.
    func matching(
        _ found: [Neighbour], limit: Int, of segment: any Segment, _ interruption: Interruption?
    ) throws -> (kept: [Neighbour], readCount: Int) {
        let compiled = key.compiled
        var kept: [Neighbour] = []
        var readCount = 0
        for neighbour in found where kept.count < limit {
            let row = Int(neighbour.ordinal)
            readCount += 1
            if readCount % 256 == 0 { try interruption?.check() }
            let payload = compiled.needsPayload ? try segment.payloadBytes(at: row) : []
            let matches = try unsafe payload.withUnsafeBytes { bytes in
                try unsafe segment.matches(compiled, row, EncodedPayload(bytes))
            }
            if matches { kept.append(neighbour) }
        }
        return (kept, readCount)
    }
}

/// What is known of a filter before it is asked.
enum FilterKnowledge: Sendable {
    /// The rows that match, deleted ones and perhaps newer ones among them.
    case rows(Bitmap)
    case open(OpenFilter)
}

extension ReadView {
    /// With fewer rows to look at, no sample is taken.
    private static let sampledRowsMin = 4096.0

    /// What is known of a filter in a segment; nil: the rows that match among most.
    func knowledge(
        of filter: Filter, in segment: any Segment, writtenCount: Int
    ) throws -> FilterKnowledge? {
        let key = schema.key(of: filter)
        let question: FilterCache.Question
        switch segment.filterCache.known(key, rowCount: writtenCount) {
        case .rows(let rows): return .rows(rows)
        case .some: return nil
        case .nothing(let asked): question = asked
        }
        var estimate = try segment.estimate(
            key.filter, rowCount: writtenCount, indexedFields: schema.indexedFields)
        if estimate.rowsToRead >= Self.sampledRowsMin {
            let sample: FilterCache.Sample
            if let known = question.sample {
                sample = known
            } else {
                sample = try segment.sample(key.compiled, rowCount: writtenCount)
                segment.filterCache.remember(key, sample)
            }
            let share = Double(sample.matchCount) / Double(max(1, sample.rowCount))
            estimate.matching = Cardinality(
                min: estimate.matching.min, expected: share * Double(writtenCount),
                max: estimate.matching.max)
        }
        return .open(
            OpenFilter(key: key, estimate: estimate, askedCount: question.askedCount))
    }

    /// About how many points match: exact where indexes alone tell or somebody has asked before,
    /// otherwise what a sample of the rows says. No payload is read but those of the sample.
    package func estimatedCount(_ filter: Filter?) throws -> Int {
        guard let filter, !filter.isEmpty else { return pointCount }
        return try segments.reduce(0) { sum, segment in
            let written = segment.writtenCount(through: lsn)
            guard
                case .open(let open) = try knowledge(
                    of: filter, in: segment, writtenCount: written),
                open.estimate.rowsToRead >= Self.sampledRowsMin
            else { return sum + (try count(filter, in: segment)) }
            let visible = Double(segment.deletions.visibleCount(among: written, at: lsn))
            let share = open.estimate.matching.expected / Double(max(1, written))
            return sum + Int((share * visible).rounded())
        }
    }
}
