package import ApusCore
private import Foundation

/// How much of the truth a search of an index finds, by its effort: measured on the index itself, so
/// that a caller can ask for a recall and be told which one to expect.
///
/// The samples are rows of the index. Queries that are less like the rows than the rows are like
/// each other find less than the curve says.
package struct RecallCurve: Hashable, Sendable {
    /// What a search may do more or less of.
    package enum Effort: UInt32, Sendable {
        /// Entries of a walk's candidate list, at least as many as neighbours are asked for.
        case candidates = 0
        /// Lists that are looked into.
        case probes = 1
    }

    /// What searches with one effort found.
    package struct Point: Hashable, Sendable {
        package var ef: Int
        /// Recall@k for each k of `limits`; of candidate lists, for those that are not above `ef`.
        package var recalls: [Double]

        package init(ef: Int, recalls: [Double]) {
            self.ef = ef
            self.recalls = recalls
        }
    }

    /// The k that are measured.
    package static let limits = [1, 3, 10, 30, 100]

    package let effort: Effort
    /// By ascending ef, or number of probes.
    package let points: [Point]
    /// Searches that each point is the mean of.
    package let sampleCount: Int

    /// A recall never falls as ef grows: what the samples say otherwise is chance.
    package init(_ effort: Effort = .candidates, points: [Point], sampleCount: Int) {
        self.effort = effort
        var rising = points
        for index in rising.indices.dropFirst() {
            for (limit, recall) in rising[index - 1].recalls.enumerated() {
                rising[index].recalls[limit] = max(rising[index].recalls[limit], recall)
            }
        }
        self.points = rising
        self.sampleCount = sampleCount
    }

    /// The recall@k to expect of a search with a candidate list of `ef`, which is at least `k`.
    package func recall(ef: Int, k: Int) -> Double {
        if effort == .probes { return recall(probes: ef, k: k) }
        let ef = Double(max(ef, k, 1))
        let k = max(1, k)
        let lower = Self.limits.lastIndex { $0 <= k } ?? 0
        let scale = Double(Self.limits[lower]) / Double(k)
        let upper = lower + 1
        // As many times the neighbours that are asked for.
        let scaled = recall(ef: ef * scale, limit: lower)
        guard upper < Self.limits.count else { return scaled }
        // Between the two k, linear in the logarithm of k, where the list is long enough for both.
        let share = -log(scale) / log(Double(Self.limits[upper]) / Double(Self.limits[lower]))
        let both = max(ef, Double(Self.limits[upper]))
        let between =
            (1 - share) * recall(ef: both, limit: lower)
            + share * recall(ef: both, limit: upper)
        return ef < both ? min(scaled, between) : between
    }

    private func recall(probes: Int, k: Int) -> Double {
        let k = min(max(1, k), Self.limits.last ?? 1)
        let lower = Self.limits.lastIndex { $0 <= k } ?? 0
        let below = recall(ef: Double(max(1, probes)), limit: lower)
        guard lower + 1 < Self.limits.count else { return below }
        let share =
            log(Double(k) / Double(Self.limits[lower]))
            / log(Double(Self.limits[lower + 1]) / Double(Self.limits[lower]))
        let above = recall(ef: Double(max(1, probes)), limit: lower + 1)
        return (1 - share) * below + share * above
    }

    /// The smallest candidate list with which recall@k is expected to reach `target`; nil when no
    /// list that was measured does.
    package func ef(reaching target: Double, k: Int) -> Int? {
        guard let last = points.last else { return nil }
        var low = effort == .candidates ? max(1, k) : 1
        // Longer lists than were measured are for more neighbours than were.
        let scale = effort == .candidates ? max(1, k / (Self.limits.last ?? 1)) : 1
        let (most, overflow) = last.ef.multipliedReportingOverflow(by: scale)
        var high = overflow ? low : max(most, low)
        guard recall(ef: high, k: k) >= target else { return nil }
        while low < high {
            let middle = low + (high - low) / 2
            if recall(ef: middle, k: k) >= target { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// Between the points, linear in the logarithm of ef; beyond them, their first and last.
    private func recall(ef: Double, limit: Int) -> Double {
        var before: (ef: Double, recall: Double)?
        for point in points where limit < point.recalls.count {
            let here = (ef: Double(point.ef), recall: point.recalls[limit])
            if ef <= here.ef {
                // A list below the first finds less: in proportion, to be careful.
                guard let before else { return here.recall * ef / here.ef }
                let share = log(ef / before.ef) / log(here.ef / before.ef)
                return before.recall + share * (here.recall - before.recall)
            }
            before = here
        }
        return before?.recall ?? 0
    }
}

// MARK: - Bytes

// A section of a segment file, 32-bit words: version, effort, samples, points, then for each point
// ef or probes and, for each of `limits`, the recall as a Float, NaN where it was not measured.
extension RecallCurve {
    private static let version: UInt32 = 1
    private static let pointsMax = 1000

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(effort.rawValue)
        writer.write(UInt32(clamping: sampleCount))
        writer.write(UInt32(clamping: points.count))
        for point in points {
            writer.write(UInt32(clamping: point.ef))
            for limit in Self.limits.indices {
                writer.write(limit < point.recalls.count ? Float(point.recalls[limit]) : .nan)
            }
        }
        return writer.bytes
    }

    /// Anything but what `encoded` writes is an error.
    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = unsafe ByteReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == Self.version else {
            throw MalformedBytes("a recall curve of version \(version)", offset: 0)
        }
        guard let effort = Effort(rawValue: try reader.read()) else {
            throw MalformedBytes("a recall curve of an unknown kind", offset: 4)
        }
        let sampleCount: UInt32 = try reader.read()
        let count: UInt32 = try reader.read()
        guard count <= Self.pointsMax else {
            throw MalformedBytes("a recall curve of \(count) points", offset: 12)
        }
        var points: [Point] = []
        for _ in 0..<count {
            let ef = Int(try reader.read(UInt32.self))
            guard ef > points.last?.ef ?? 0 else {
                throw MalformedBytes("a recall curve whose ef does not rise", offset: 16)
            }
            var recalls: [Double] = []
            for limit in Self.limits {
                let recall = Float(bitPattern: try reader.read())
                if effort == .candidates, limit > ef { continue }
                guard recall >= 0, recall <= 1 else {
                    throw MalformedBytes("a recall of \(recall)", offset: 16)
                }
                recalls.append(Double(recall))
            }
            points.append(Point(ef: ef, recalls: recalls))
        }
        self.init(effort, points: points, sampleCount: Int(sampleCount))
    }
}
