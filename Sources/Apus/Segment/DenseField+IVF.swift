internal import ApusCore
internal import ApusIndex
internal import ApusKernels

extension DenseField {
    /// Rows whose distance from their lists tells whether a quantizer still fits.
    private static let driftSampleCount = 1024
    /// How many times the error of its training a quantizer may have, and how far its number of
    /// lists may be from what so many rows want.
    private static let driftMax: Float = 1.25
    private static let listFactorMax = 2

    /// An IVF-PQ index of the field's first `rowCount` rows, with its recall measured.
    ///
    /// The lists and codewords are those of `quantizer`, if that was made with these settings and
    /// still fits: new vectors may have drifted away from what it was trained on. Otherwise they are
    /// learned from these rows.
    func builtIVF(
        _ wanted: IVFConfiguration, rowCount: Int, quantizer: IVFQuantizer? = nil, pool: WorkerPool
    ) throws -> IVFIndex {
        let isPresent: @Sendable (Int) -> Bool = { [self] in hasVector(at: $0) }
        let rows = (0..<rowCount).filter(isPresent).map { UInt32(truncatingIfNeeded: $0) }
        let parameters = IVFParameters(
            listCount: wanted.lists, partCount: wanted.parts, bits: wanted.bits,
            spills: wanted.spills, vectorCount: rows.count, metric: metric,
            dimension: vectors.dimension)
        let known = quantizer.flatMap { fits($0, parameters, rows) ? $0 : nil }
        let index = try IVFIndex.build(
            known ?? IVFQuantizer.trained(parameters, on: rows, of: vectors, pool: pool),
            vectors: vectors, rowCount: rowCount, isPresent: isPresent, owner: owner, pool: pool)
        index.measureRecall(isPresent: isPresent, pool: pool)
        return index
    }

    private func fits(
        _ quantizer: IVFQuantizer, _ wanted: IVFParameters, _ rows: [UInt32]
    ) -> Bool {
        let known = quantizer.parameters
        guard known.bits == wanted.bits, known.partCount == wanted.partCount,
            known.listsPerRow == wanted.listsPerRow,
            known.metric == wanted.metric, known.dimension == wanted.dimension,
            known.listCount <= wanted.listCount * Self.listFactorMax,
            wanted.listCount <= known.listCount * Self.listFactorMax
        else { return false }
        let step = max(1, rows.count / Self.driftSampleCount)
        let sample = stride(from: 0, to: rows.count, by: step).map { rows[$0] }
        let error = quantizer.error(of: sample, in: vectors)
        return error <= quantizer.trainingError * Self.driftMax
    }
}
