/// The recall that a query may expect, put together from the searches that it is made of.
package final class RecallEstimate {
    /// The lowest of its searches; nil: of one of them nothing was measured that tells.
    package private(set) var value: Double? = 1

    package init() {}

    /// A search whose hits come from segments with these expectations: the mean over the hits.
    func note(_ expectations: [Double?]) {
        guard let lowest = value, !expectations.isEmpty else { return }
        let known = expectations.compactMap(\.self)
        guard known.count == expectations.count else {
            value = nil
            return
        }
        value = min(lowest, known.reduce(0, +) / Double(known.count))
    }
}
