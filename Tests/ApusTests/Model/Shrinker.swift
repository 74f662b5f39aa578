/// Makes a failing history small: what cannot be left out is what matters.
///
/// Delta debugging (Zeller & Hildebrandt, "Simplifying and isolating failure-inducing input",
/// 2002): runs of steps are dropped, halves first, then ever smaller ones, as long as the rest
/// still fails; then single operations of write calls, and single points of operations.
struct Shrinker {
    /// Whether a history still fails. With threads in play a failure may need several tries.
    let fails: (History) -> Bool
    /// Histories that may still be tried.
    var triesLeft: Int

    init(triesMax: Int = 2_000, fails: @escaping (History) -> Bool) {
        self.fails = fails
        triesLeft = triesMax
    }

    mutating func shrink(_ history: History) -> History {
        var smallest = history
        while triesLeft > 0 {
            let before = smallest
            smallest.steps = reduce(smallest.steps) { [settings = smallest.settings] steps in
                History(settings: settings, steps: steps)
            }
            for position in smallest.steps.indices {
                shrinkWrite(at: position, of: &smallest)
            }
            if smallest == before { break }
        }
        return smallest
    }

    /// The fewest elements with which the history that `build` makes of them fails.
    private mutating func reduce<Element>(
        _ elements: [Element], _ build: ([Element]) -> History
    ) -> [Element] {
        var kept = elements
        var length = max(1, kept.count / 2)
        while true {
            var start = 0
            var hasShrunk = false
            while start < kept.count {
                var candidate = kept
                candidate.removeSubrange(start..<min(start + length, kept.count))
                if stillFails(build(candidate)) {
                    kept = candidate
                    hasShrunk = true
                } else {
                    start += length
                }
            }
            if length == 1, !hasShrunk { return kept }
            if triesLeft <= 0 { return kept }
            length = max(1, length / 2)
        }
    }

    private mutating func shrinkWrite(at position: Int, of history: inout History) {
        guard case .write(let name, let changes, let waits) = history.steps[position] else {
            return
        }
        func with(_ changes: [Change]) -> History {
            var result = history
            result.steps[position] = .write(collection: name, changes: changes, waits: waits)
            return result
        }
        var kept = reduce(changes, with)
        for index in kept.indices {
            kept[index] = shrunk(kept[index]) { change in
                var candidate = kept
                candidate[index] = change
                return with(candidate)
            }
        }
        history = with(kept)
    }

    private mutating func shrunk(_ change: Change, _ build: (Change) -> History) -> Change {
        switch change {
        case .upsert(let drafts): .upsert(reduce(drafts) { build(.upsert($0)) })
        case .delete(.ids(let ids)): .delete(.ids(reduce(ids) { build(.delete(.ids($0))) }))
        case .updateVectors(let drafts):
            .updateVectors(reduce(drafts) { build(.updateVectors($0)) })
        case .delete, .deleteVectors, .setPayload, .overwritePayload, .deletePayload,
            .clearPayload:
            change
        }
    }

    private mutating func stillFails(_ history: History) -> Bool {
        guard triesLeft > 0 else { return false }
        triesLeft -= 1
        return fails(history)
    }
}
