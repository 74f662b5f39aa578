private import ApusKernels

extension HNSWIndex {
    /// Chooses up to `limit` neighbours for `node` among candidates in ascending order; they are
    /// left in `scratch.selection`, ascending, and counted in the result.
    ///
    /// The paper's algorithm 4 without its extensions: a candidate is taken unless one that was
    /// taken before is nearer to it than the node is, so that links go in different directions.
    /// Of vectors that equal the node's only one is taken: otherwise many copies of one vector
    /// would link to nothing but each other.
    func select(
        _ candidates: some Sequence<NeighbourKey>, limit: Int, for node: UInt32,
        _ scratch: SearchScratch
    ) -> Int {
        let selection = unsafe scratch.selection
        let ids = unsafe scratch.ids
        var count = 0
        for candidate in candidates {
            if count == limit { break }
            if unsafe isDiverse(candidate, from: selection, ids, count: count, scratch) {
                unsafe selection[count] = candidate
                unsafe ids[count] = candidate.ordinal
                count += 1
            }
        }
        return count
    }

    private func isDiverse(
        _ candidate: NeighbourKey, from selection: UnsafePointer<NeighbourKey>,
        _ ids: UnsafePointer<UInt32>, count: Int, _ scratch: SearchScratch
    ) -> Bool {
        guard count > 0 else { return true }
        let row = unsafe rows.query(row: Int(candidate.ordinal), codes: scratch.rowCodes)
        let distances = unsafe scratch.distances
        let own = candidate.distance
        var done = 0
        // In fours, as the kernel takes them: most candidates fall to one of the first.
        while done < count {
            let step = min(4, count - done)
            unsafe rows.distances(from: row, to: ids + done, count: step, into: distances)
            for index in 0..<step {
                let between = unsafe distances[index]
                if between < own { return false }
                if unsafe between == own && own == selection[done + index].distance { return false }
            }
            done += step
        }
        return true
    }
}
