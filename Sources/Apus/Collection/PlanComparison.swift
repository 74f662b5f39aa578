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
        of plans: [Plan], limit: Int, interruption: Interruption?
    ) throws -> [Plan: SearchExplanation.Outcome] {
        let exact = run(.scan, limit: limit).sorted().prefix(limit)
        return try Dictionary(
            plans.map { plan in
                try interruption?.check()
                return (
                    plan,
                    outcome(of: plan, limit: limit, exact: Array(exact), interruption)
                )
            }, uniquingKeysWith: { first, _ in first })
    }

    private func outcome(
        of plan: Plan, limit: Int, exact: [Neighbour], _ interruption: Interruption?
    ) -> SearchExplanation.Outcome {
        var fastest = Duration.seconds(Int.max)
        var measuredCount = 0
        var found: [Neighbour] = []
        for _ in 0..<Self.runCount {
            let watch = SearchWatch(interruption: interruption)
            let duration = ContinuousClock().measure {
                found = run(plan, limit: limit, watch: watch)
            }
            fastest = min(fastest, duration)
            measuredCount = watch.measuredCount
        }
        let farthest = exact.last?.distance ?? 0
        let right = found.sorted().prefix(limit).count { $0.distance <= farthest }
        return SearchExplanation.Outcome(
            duration: fastest, measuredCount: measuredCount,
            recall: exact.isEmpty ? 1 : min(1, Double(right) / Double(exact.count)))
    }
}
