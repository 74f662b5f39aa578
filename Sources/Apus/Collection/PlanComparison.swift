internal import ApusCore
internal import ApusIndex
internal import ApusQuery

extension DenseSearch {
    /// Runs of each plan; the fastest counts.
    private static let runCount = 3

    /// Carries out every plan, to know what would have come of it.
    ///
    /// O(runs × the sum of what they cost), a scan of all rows among them.
    func outcomes(
        of plans: [Plan], limit: Int
    ) throws -> [Plan: SearchExplanation.Outcome] {
        let exact = run(.scan, limit: limit).sorted().prefix(limit)
        return try Dictionary(
            plans.map { plan in
                try watch?.interruption?.check()
                return (plan, outcome(of: plan, limit: limit, exact: Array(exact)))
            }, uniquingKeysWith: { first, _ in first })
    }

    private func outcome(
        of plan: Plan, limit: Int, exact: [Neighbour]
    ) -> SearchExplanation.Outcome {
        var fastest = Duration.seconds(Int.max)
        var measuredCount = 0
        var found: [Neighbour] = []
        for _ in 0..<Self.runCount {
            var search = self
            let watch = SearchWatch(interruption: self.watch?.interruption)
            search.watch = watch
            fastest = min(
                fastest, ContinuousClock().measure { found = search.run(plan, limit: limit) })
            measuredCount = watch.measuredCount
        }
        let farthest = exact.last?.distance ?? 0
        let right = found.sorted().prefix(limit).count { $0.distance <= farthest }
        return SearchExplanation.Outcome(
            duration: fastest, measuredCount: measuredCount,
            recall: exact.isEmpty ? 1 : min(1, Double(right) / Double(exact.count)))
    }
}
