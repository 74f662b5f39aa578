private import Foundation

/// What one engine in one configuration did: a point for each setting, and what its index cost.
package struct Curve: Hashable, Sendable {
    /// One setting of the search.
    package struct Point: Hashable, Sendable {
        /// As people write it: `ef=64`.
        package var setting: String
        /// 0…1.
        package var recall: Double
        package var queriesPerSecond: Double
        /// Nil where the other side did not measure them.
        package var latency: Latency?

        package init(
            setting: String, recall: Double, queriesPerSecond: Double, latency: Latency? = nil
        ) {
            self.setting = setting
            self.recall = recall
            self.queriesPerSecond = queriesPerSecond
            self.latency = latency
        }
    }

    /// Microseconds that half, 95 % and 99 % of the queries took at most.
    package struct Latency: Hashable, Sendable {
        package var p50: Double
        package var p95: Double
        package var p99: Double

        package init(p50: Double, p95: Double, p99: Double) {
            self.p50 = p50
            self.p95 = p95
            self.p99 = p99
        }
    }

    /// A part of the bytes of a vector: `graph`, 150.
    package struct Share: Hashable, Sendable {
        package var name: String
        package var bytes: Double

        package init(name: String, bytes: Double) {
            self.name = name
            self.bytes = bytes
        }
    }

    /// What was measured, where it is known: curves of different work are not to be compared.
    package struct Work: Hashable, Sendable {
        package var dataset: String?
        package var metric: String?
        package var dimension: Int?
        package var base: Int?
        package var k: Int
        package var filter: String?

        package init(k: Int) { self.k = k }
    }

    package var name: String
    package var work: Work
    /// What else belongs under a picture: instruction set, threads, settings of the build.
    package var facts: [String] = []
    package var points: [Point]
    package var buildSeconds: Double?
    package var buildProcessorSeconds: Double?
    package var bytesPerVector: Double?
    /// The parts of `bytesPerVector`, as far as they are known.
    package var shares: [Share] = []

    package init(name: String, work: Work, points: [Point]) {
        self.name = name
        self.work = work
        self.points = points
    }

    /// The points that no other one beats in both recall and speed, by ascending recall.
    package var frontier: [Point] {
        var best: [Point] = []
        for point in points.sorted(by: {
            ($0.recall, $0.queriesPerSecond) > ($1.recall, $1.queriesPerSecond)
        })
        where point.queriesPerSecond > best.last?.queriesPerSecond ?? 0 {
            best.append(point)
        }
        return best.reversed()
    }

    /// Queries a second at a recall, between the settings around it: linear in recall, by the
    /// logarithm of speed. Below the frontier its fastest point counts, which has more recall.
    /// Nil beyond the settings that were measured.
    package func speed(at recall: Double) -> Double? {
        let points = frontier
        for (low, high) in zip(points, points.dropFirst())
        where low.recall <= recall && recall <= high.recall {
            let part = (recall - low.recall) / (high.recall - low.recall)
            return exp(
                log(low.queriesPerSecond) * (1 - part) + log(high.queriesPerSecond) * part)
        }
        guard let fastest = points.first, recall <= fastest.recall,
            self.points.contains(where: { $0.recall <= recall })
        else { return nil }
        return fastest.queriesPerSecond
    }

    /// Whether some setting has that recall or more.
    package func reaches(_ recall: Double) -> Bool { points.contains { $0.recall >= recall } }
}
