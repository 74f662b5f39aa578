package import ApusCore
private import Foundation

/// How much of the truth a walk of a graph finds, by the size of its candidate list: measured on
/// the graph itself, so that a caller can ask for a recall and be told which one to expect.
///
/// The samples are rows of the graph that are hidden from their own search. Queries that are less
/// like the rows than the rows are like each other find less than the curve says.
package struct RecallCurve: Hashable, Sendable {
    /// What searches with one size of the candidate list found.
    package struct Point: Hashable, Sendable {
        package var ef: Int
        /// Recall@k for each k of `limits` that is not above `ef`.
        package var recalls: [Double]

        package init(ef: Int, recalls: [Double]) {
            self.ef = ef
            self.recalls = recalls
        }
    }

    /// The k that are measured.
    package static let limits = [1, 3, 10, 30, 100]

    /// By ascending ef.
    package let points: [Point]
    /// Searches that each point is the mean of.
    package let sampleCount: Int

    /// A recall never falls as ef grows: what the samples say otherwise is chance.
    package init(points: [Point], sampleCount: Int) {
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

    /// The smallest candidate list with which recall@k is expected to reach `target`; nil when no
    /// list that was measured does.
    package func ef(reaching target: Double, k: Int) -> Int? {
        guard let last = points.last else { return nil }
        var low = max(1, k)
        // Longer lists than were measured are for more neighbours than were.
        let scale = max(1, k / (Self.limits.last ?? 1))
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

// A section of a segment file, 32-bit words: version, samples, points, then for each point ef and,
// for each of `limits`, the recall as a Float, NaN where k is above ef.
extension RecallCurve {
    private static let version: UInt32 = 1
    private static let pointsMax = 1000

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version)
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
        let sampleCount: UInt32 = try reader.read()
        let count: UInt32 = try reader.read()
        guard count <= Self.pointsMax else {
            throw MalformedBytes("a recall curve of \(count) points", offset: 8)
        }
        var points: [Point] = []
        for _ in 0..<count {
            let ef = Int(try reader.read(UInt32.self))
            guard ef > points.last?.ef ?? 0 else {
                throw MalformedBytes("a recall curve whose ef does not rise", offset: 12)
            }
            var recalls: [Double] = []
            for limit in Self.limits {
                let recall = Float(bitPattern: try reader.read())
                if limit > ef { continue }
                guard recall >= 0, recall <= 1 else {
                    throw MalformedBytes("a recall of \(recall)", offset: 12)
                }
                recalls.append(Double(recall))
            }
            points.append(Point(ef: ef, recalls: recalls))
        }
        self.init(points: points, sampleCount: Int(sampleCount))
    }
}
