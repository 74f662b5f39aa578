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
        /// Entries of a walk's candidate list, at least as many as neighbours are asked for: what
        /// files of earlier versions have.
        case candidates = 0
        /// Lists that are looked into.
        case probes = 1
        /// Entries of a walk's candidate list that are expanded, however many neighbours are asked
        /// for.
        case expansions = 2
    }

    /// What searches with one effort found.
    package struct Point: Hashable, Sendable {
        package var ef: Int
        /// Recall@k for each of the first k of `limits`, as far as it was measured.
        package var recalls: [Double]

        package init(ef: Int, recalls: [Double]) {
            self.ef = ef
            self.recalls = recalls
        }
    }

    /// The k that are measured.
    package static let limits = commonLimits + [1000]
    /// Those that are measured of every index, and with every sample.
    package static let commonLimits = [1, 3, 10, 30, 100]
    static let commonLimit = 100

    package let effort: Effort
    /// By ascending ef, or number of probes.
    package let points: [Point]
    /// Searches that each point is the mean of.
    package let sampleCount: Int

    /// A recall never falls as ef grows: what the samples say otherwise is chance.
    package init(_ effort: Effort, points: [Point], sampleCount: Int) {
        self.effort = effort
        var rising = points
        for index in rising.indices.dropFirst() {
            for (limit, recall) in rising[index - 1].recalls.enumerated()
            where limit < rising[index].recalls.count {
                rising[index].recalls[limit] = max(rising[index].recalls[limit], recall)
            }
        }
        self.points = rising
        self.sampleCount = sampleCount
    }

    /// The recall@k to expect of a search with a candidate list of `ef`.
    package func recall(ef: Int, k: Int) -> Double {
        switch effort {
        case .candidates: recall(candidates: Double(max(ef, k, 1)), k: max(1, k))
        case .probes:
            recall(effort: Double(max(1, ef)), k: min(max(1, k), Self.commonLimit))
        case .expansions: recall(expansions: Double(max(1, ef)), k: max(1, k))
        }
    }

    /// From what was measured of lists of at least `k` entries.
    private func recall(candidates ef: Double, k: Int) -> Double {
        let limits = Self.commonLimits
        let lower = limits.lastIndex { $0 <= k } ?? 0
        let scale = Double(limits[lower]) / Double(k)
        let upper = lower + 1
        // As many times the neighbours that are asked for.
        let scaled = recall(ef: ef * scale, limit: lower)
        guard upper < limits.count else { return scaled }
        // Between the two k, linear in the logarithm of k, where the list is long enough for both.
        let share = -log(scale) / log(Double(limits[upper]) / Double(limits[lower]))
        let both = max(ef, Double(limits[upper]))
        let between =
            (1 - share) * recall(ef: both, limit: lower)
            + share * recall(ef: both, limit: upper)
        return ef < both ? min(scaled, between) : between
    }

    private func recall(expansions ef: Double, k: Int) -> Double {
        let lower = lowerLimit(k)
        guard lower + 1 == measuredLimitCount else { return recall(effort: ef, k: k) }
        // As many times the neighbours that are asked for.
        return recall(ef: ef * Double(Self.limits[lower]) / Double(k), limit: lower)
    }

    /// With one effort, linear in the logarithm of k between those that were measured.
    private func recall(effort: Double, k: Int) -> Double {
        let lower = lowerLimit(k)
        let below = recall(ef: effort, limit: lower)
        guard lower + 1 < measuredLimitCount else { return below }
        let share =
            log(Double(k) / Double(Self.limits[lower]))
            / log(Double(Self.limits[lower + 1]) / Double(Self.limits[lower]))
        let above = recall(ef: effort, limit: lower + 1)
        return (1 - share) * below + share * above
    }

    /// The place of the largest of the measured limits that is not above `k`.
    private func lowerLimit(_ k: Int) -> Int {
        Self.limits.prefix(measuredLimitCount).lastIndex { $0 <= k } ?? 0
    }

    private var measuredLimitCount: Int { points.last?.recalls.count ?? 0 }

    private var measuredLimit: Int {
        effort == .expansions && measuredLimitCount == Self.limits.count
            ? Self.limits[measuredLimitCount - 1] : Self.commonLimit
    }

    /// The smallest candidate list with which recall@k is expected to reach `target`; nil when no
    /// list that was measured does.
    package func ef(reaching target: Double, k: Int) -> Int? {
        guard let last = points.last else { return nil }
        var low = effort == .candidates ? max(1, k) : 1
        // Longer lists than were measured are for more neighbours than were.
        let scale = effort == .probes ? 1 : max(1, k / measuredLimit)
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
// ef or probes and, for each of the limits, the recall as a Float, NaN where it was not measured.
// Version 2 is that of expansions, of all limits; version 1 that of the others, of the common ones.
extension RecallCurve {
    private static let pointsMax = 1000

    private static func version(of effort: Effort) -> UInt32 {
        switch effort {
        case .candidates, .probes: 1
        case .expansions: 2
        }
    }

    private static func limits(of effort: Effort) -> [Int] {
        switch effort {
        case .candidates, .probes: commonLimits
        case .expansions: limits
        }
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version(of: effort))
        writer.write(effort.rawValue)
        writer.write(UInt32(clamping: sampleCount))
        writer.write(UInt32(clamping: points.count))
        for point in points {
            writer.write(UInt32(clamping: point.ef))
            for limit in Self.limits(of: effort).indices {
                writer.write(limit < point.recalls.count ? Float(point.recalls[limit]) : .nan)
            }
        }
        return writer.bytes
    }

    /// Anything but what `encoded` writes is an error.
    package init(_ bytes: UnsafeRawBufferPointer) throws(MalformedBytes) {
        var reader = unsafe ByteReader(bytes)
        let version: UInt32 = try reader.read()
        guard version == 1 || version == 2 else {
            throw MalformedBytes("a recall curve of version \(version)", offset: 0)
        }
        guard let effort = Effort(rawValue: try reader.read()),
            Self.version(of: effort) == version
        else {
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
            for (place, limit) in Self.limits(of: effort).enumerated() {
                let recall = Float(bitPattern: try reader.read())
                if effort == .candidates, limit > ef { continue }
                if effort == .expansions, recall.isNaN { continue }
                guard recall >= 0, recall <= 1, place == recalls.count else {
                    throw MalformedBytes("a recall of \(recall)", offset: 16)
                }
                recalls.append(Double(recall))
            }
            guard recalls.count >= points.last?.recalls.count ?? 0 else {
                throw MalformedBytes("a recall curve with a gap", offset: 16)
            }
            points.append(Point(ef: ef, recalls: recalls))
        }
        self.init(effort, points: points, sampleCount: Int(sampleCount))
    }
}
