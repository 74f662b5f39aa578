public import ApusCore
private import ApusStorage
private import Synchronization

/// A vector field of a collection, whatever its kind.
public enum VectorField: Hashable, Sendable {
    case dense(DenseVectorConfiguration)
    case sparse(SparseVectorConfiguration)
}

/// Vector fields of a collection that has points already.
extension Collection {
    /// Adds a vector field, in which no point has a vector yet; it is on disk when this returns.
    ///
    /// Rows that are there stay as they are: segments of before lack the field, and the next one has
    /// it. Throws `.alreadyExists` for a name that a field has, `.failedPrecondition` for one that a
    /// dropped field had, `.resourceExhausted` while segments wait to be written.
    @discardableResult
    public func createVectorField(_ name: String, _ field: VectorField) throws -> WriteResult {
        defer { scheduleMaintenance() }
        return try changeFields { attributes in
            let configuration = attributes.configuration
            guard configuration.vectors[name] == nil, configuration.sparseVectors[name] == nil
            else {
                throw DatabaseError(
                    .alreadyExists, "Wrong input: Vector name `\(name)` already exists!")
            }
            guard attributes.formerVectorNames?.contains(name) != true else {
                throw DatabaseError(
                    .failedPrecondition,
                    "Wrong input: Vector name `\(name)` was that of a field which was deleted; rows "
                        + "of before may still have its vectors, so it cannot be given again")
            }
            switch field {
            case .dense(let field): attributes.configuration.vectors[name] = field
            case .sparse(let field): attributes.configuration.sparseVectors[name] = field
            }
            try attributes.configuration.validate()
        }
    }

    /// Removes a vector field and hides the vectors in it; what they take becomes free as rows are
    /// merged. Throws `.invalidArgument` when there is no such field.
    @discardableResult
    public func dropVectorField(_ name: String) throws -> WriteResult {
        try changeAttributes { attributes in
            let dense = attributes.configuration.vectors.removeValue(forKey: name)
            let sparse = attributes.configuration.sparseVectors.removeValue(forKey: name)
            guard dense != nil || sparse != nil else {
                throw DatabaseError.vectorNameNotFound(name)
            }
            attributes.formerVectorNames = (attributes.formerVectorNames ?? []).union([name])
            attributes.card?.models[name] = nil
        }
    }

    /// Changes the attributes between two batches: those behind it go into a segment with the new
    /// fields. The manifest's swap is the commit; the log of before is replayed into either.
    private func changeFields(
        _ change: (inout CollectionAttributes) throws -> Void
    ) throws -> WriteResult {
        try DatabaseError.translating {
            try manifest.withLock { manifest in
                try checkHasFiles()
                var attributes = published.withLock { $0.schema.attributes }
                try change(&attributes)
                var next = manifest
                next.attributes[Self.attributesKey] = try Self.encoded(attributes)
                return try writer.withLock { state in
                    guard !state.isClosed else {
                        throw DatabaseError(.unavailable, "collection `\(name)` is closed")
                    }
                    let growing = try nextGrowing(state, attributes.configuration)
                    try commit(next, replacing: &manifest)
                    if state.growing.rowCount == 0 {
                        state.segments[state.segments.count - 1] = growing
                        state.growing = growing
                    } else {
                        freeze(&state, before: growing)
                    }
                    let segments = state.segments
                    return published.withLock { published in
                        published.schema = CollectionSchema(attributes)
                        published.segments = segments
                        return WriteResult(
                            sequenceNumber: published.lsn, acknowledgement: .completed)
                    }
                }
            }
        }
    }

    /// The growing segment with the new fields: in the place of an empty one, or behind one that is
    /// frozen, for which there has to be room.
    private func nextGrowing(
        _ state: WriterState, _ configuration: CollectionConfiguration
    ) throws -> GrowingSegment {
        let isEmpty = state.growing.rowCount == 0
        guard isEmpty || state.frozen.count < 2 else {
            throw DatabaseError(
                .resourceExhausted,
                "collection `\(name)`: segments wait to be written; try again later")
        }
        return try context.makeGrowingSegment(
            number: isEmpty ? state.growing.number : state.nextSegmentNumber,
            configuration: configuration)
    }
}
