internal import ApusCore
internal import ApusStorage
internal import Synchronization

/// Checks some searches of one collection by a scan that misses nothing.
final class RecallObserver: Sendable {
    /// Fewer checks say little of the mean.
    private static let telling = 50
    /// Neighbours of a search that is checked, at most.
    private static let limitMax = 1000

    private struct State {
        /// The last recalls, the oldest overwritten first.
        var window: [Double] = []
        var checkedCount = 0
        var isLow = false
    }

    private let state = Monitor(State())
    private let isChecking = Atomic(false)

    var observed: ObservedRecall? {
        state.withLock { ObservedRecall($0.window, checkedCount: $0.checkedCount) }
    }

    /// Checks a search that was answered, if it is one of those to be checked.
    func consider(
        _ request: QueryRequest, _ points: [ScoredPoint], _ view: ReadView,
        of collection: Collection
    ) {
        let context = collection.context
        let settings = context.configuration.recallObservation
        guard settings.share > 0, isCheckable(request, view),
            context.recallBudget.allows(at: context.configuration.uptime()),
            settings.share >= 1 || Double.random(in: 0..<1) < settings.share,
            isChecking.compareExchange(
                expected: false, desired: true, ordering: .acquiringAndReleasing
            ).exchanged
        else { return }
        var view = view
        view.interruption = nil
        view.helpers = nil
        context.indexPool.submit { [view] in
            let start = ContinuousClock.now
            let recall = try? self.recall(request, points, view, of: collection)
            context.recallBudget.note(
                ContinuousClock.now - start, at: context.configuration.uptime())
            if let recall { self.note(recall, of: collection) }
            self.isChecking.store(false, ordering: .releasing)
            self.state.notifyAll()
        }
    }

    /// Waits until the check under way is done.
    func waitUntilIdle() {
        state.wait { _ in isChecking.load(ordering: .acquiring) ? nil : () }
    }

    /// A search by one vector in one field with a graph or lists, as answers are a part of the
    /// neighbours only then.
    private func isCheckable(_ request: QueryRequest, _ view: ReadView) -> Bool {
        guard case .nearest? = request.query, request.prefetch.isEmpty, request.offset == 0,
            !request.parameters.exact, !request.parameters.indexedOnly,
            (1...Self.limitMax).contains(request.limit)
        else { return false }
        return view.configuration.vectors[request.using ?? ""].map { !$0.isMultiVector } ?? false
    }

    private func recall(
        _ request: QueryRequest, _ points: [ScoredPoint], _ view: ReadView,
        of collection: Collection
    ) throws -> Double? {
        var request = request
        request.parameters = SearchParameters(exact: true)
        request.budget = QueryBudget()
        request.withPayload = .none
        request.withVectors = .none
        let exact = try QueryExecution(collection: collection, view: view).answer(request).points
        guard let worst = exact.last?.score else { return nil }
        let metric = view.configuration.vectors[request.using ?? ""]?.metric ?? .cosine
        let ids = Set(exact.map(\.id))
        // Equally near ones are as good.
        let right = points.count { ids.contains($0.id) || !metric.isBetter(worst, than: $0.score) }
        return min(1, Double(right) / Double(exact.count))
    }

    private func note(_ recall: Double, of collection: Collection) {
        let target = collection.context.configuration.recallObservation.target
        let low: ObservedRecall? = state.withLock { state in
            if state.window.count < ObservedRecall.windowCount {
                state.window.append(recall)
            } else {
                state.window[state.checkedCount % ObservedRecall.windowCount] = recall
            }
            state.checkedCount += 1
            guard state.window.count >= Self.telling,
                let observed = ObservedRecall(state.window, checkedCount: state.checkedCount)
            else { return nil }
            defer { state.isLow = observed.mean < target }
            return observed.mean < target && !state.isLow ? observed : nil
        }
        if let low {
            collection.context.configuration.recallObservation.onLowRecall?(collection.name, low)
        }
    }
}

/// The processor time that checks of all collections may take.
final class RecallBudget: Sendable {
    private let share: Double
    /// No check before this time.
    private let next = Mutex(Duration.zero)

    init(share: Double) { self.share = share }

    func allows(at now: Duration) -> Bool { next.withLock { now >= $0 } }

    func note(_ duration: Duration, at now: Duration) {
        guard share < 1 else { return }
        let rest = duration * Int(1 / max(share, 1e-6) - 1)
        next.withLock { $0 = max($0, now + rest) }
    }
}
