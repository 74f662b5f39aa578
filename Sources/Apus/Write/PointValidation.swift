package import ApusCore
internal import ApusKernels

/// Turns points as callers write them into points as they are stored, or says what is wrong with
/// one of them.
package struct PointValidation {
    private let configuration: CollectionConfiguration

    package init(_ configuration: CollectionConfiguration) { self.configuration = configuration }

    package func stored(_ point: Point) throws(DatabaseError) -> StoredPoint {
        let (dense, others) = try vectors(point.vectors, of: point.id)
        return StoredPoint(
            id: point.id, dense: dense, payload: try encoded(point.payload, of: point.id),
            others: others)
    }

    /// The vectors as they are stored, dense ones apart from sparse and multi ones.
    package func vectors(
        _ vectors: [String: Vector], of id: PointID
    ) throws(DatabaseError) -> (dense: [String: [Float]], others: [String: Vector]) {
        var dense: [String: [Float]] = [:]
        var others: [String: Vector] = [:]
        for (name, vector) in vectors {
            switch try stored(vector, field: name, place: .point(id)) {
            case .dense(let floats): dense[name] = floats
            case let other: others[name] = other
            }
        }
        return (dense, others)
    }

    package func encoded(_ payload: Payload, of id: PointID) throws(DatabaseError) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.usualPayloadByteCount)
        do {
            try writer.write(payload: payload)
        } catch {
            throw .wrongInput("payload of point \(id): \(error)")
        }
        return writer.bytes
    }

    private static let usualPayloadByteCount = 256

    /// One vector as its field stores it: of the right kind and dimension, finite, normalised under
    /// cosine (but for bytes), and rounded to the field's datatype. `place` says in errors where the
    /// vector comes from. What the field's datatype cannot come near to is an error, except of a
    /// vector that is derived from others: nobody wrote that, and its components become the nearest
    /// ones that there are.
    package func stored(
        _ vector: Vector, field name: String, place: VectorPlace, isDerived: Bool = false
    ) throws(DatabaseError) -> Vector {
        let place = Place(name: name, place: place, isDerived: isDerived)
        if let field = configuration.vectors[name] {
            switch vector {
            case .dense(let floats) where !field.isMultiVector:
                return .dense(try dense(floats, field, place))
            case .dense(let floats):
                return .multi([try dense(floats, field, place)])
            case .multi(let rows) where field.isMultiVector:
                guard !rows.isEmpty else { throw place.refusal("is an empty list of vectors") }
                var stored: [[Float]] = []
                for row in rows { stored.append(try dense(row, field, place)) }
                return .multi(stored)
            case .multi: throw place.refusal("is not a multi-vector field")
            case .sparse: throw place.refusal("takes dense vectors, got a sparse one")
            }
        }
        guard configuration.sparseVectors[name] != nil else { throw .vectorNameNotFound(name) }
        guard case .sparse(let sparse) = vector else {
            throw place.refusal("takes sparse vectors, got a dense one")
        }
        return .sparse(try self.sparse(sparse, name: name, place: place.place))
    }

    /// Where a vector comes from and goes to.
    private struct Place {
        let name: String
        let place: VectorPlace
        let isDerived: Bool

        func refusal(_ reason: String) -> DatabaseError {
            .wrongInput("\(place): vector `\(name)` \(reason)")
        }

        var hasNoDirection: DatabaseError {
            refusal("is zero, which has no direction under cosine")
        }
    }

    private func dense(
        _ floats: [Float], _ field: DenseVectorConfiguration, _ place: Place
    ) throws(DatabaseError) -> [Float] {
        guard floats.count == field.dimension else {
            throw .wrongDimension(expected: field.dimension, found: floats.count)
        }
        var squares: Float = 0
        for float in floats { squares += float * float }
        if !squares.isFinite {
            // Either a component is not finite, or the square of a large one overflowed.
            if let position = floats.firstIndex(where: { !$0.isFinite }) {
                throw place.refusal("has \(floats[position]) at position \(position)")
            }
        }
        let element = field.element
        switch element {
        case .float32:
            guard field.metric == .cosine else { return floats }
            return try normalised(floats, squares: squares, place)
        case .float16:
            guard field.metric == .cosine else { return try rounded(floats, element, place) }
            let stored = element.rounded(floats)
            // One that was stored once, whose length rounding has moved a little, stays as it is.
            if stored == floats, abs(squares - 1) <= 1e-3 { return floats }
            return element.rounded(try normalised(floats, squares: squares, place))
        case .uint8:
            let stored = try rounded(floats, element, place)
            if place.isDerived || stored.contains(where: { $0 != 0 }) { return stored }
            if floats.contains(where: { $0 != 0 }) {
                throw place.refusal(
                    "has only fractions below 1, of which uint8, whole numbers from 0 to 255, "
                        + "would keep nothing")
            }
            if field.metric == .cosine { throw place.hasNoDirection }
            return stored
        }
    }

    /// The nearest components that there are, if these are near.
    private func rounded(
        _ floats: [Float], _ element: VectorElement, _ place: Place
    ) throws(DatabaseError) -> [Float] {
        let range = element.range
        if !place.isDerived, let position = floats.firstIndex(where: { !range.contains($0) }) {
            throw place.refusal(
                "has \(floats[position]) at position \(position), which is out of the range of "
                    + element.rawValue)
        }
        return element.rounded(floats)
    }

    private func normalised(
        _ floats: [Float], squares: Float, _ place: Place
    ) throws(DatabaseError) -> [Float] {
        if squares.isFinite, squares > 1e-30 {
            // A vector that is normalised already stays as it is, bit for bit.
            if abs(squares - 1) <= 1e-6 { return floats }
            let scale = 1 / squares.squareRoot()
            return floats.map { $0 * scale }
        }
        let wide = floats.reduce(0.0) { $0 + Double($1) * Double($1) }
        guard wide > 0 else { throw place.hasNoDirection }
        let scale = 1 / wide.squareRoot()
        return floats.map { Float(Double($0) * scale) }
    }

    private func sparse(
        _ vector: SparseVector, name: String, place: VectorPlace
    ) throws(DatabaseError) -> SparseVector {
        guard vector.indices.count == vector.values.count else {
            throw DatabaseError(
                .validation,
                "Validation error: \(place): sparse vector `\(name)` has "
                    + "\(vector.indices.count) indices and \(vector.values.count) values")
        }
        if let position = vector.values.firstIndex(where: { !$0.isFinite }) {
            throw .wrongInput(
                "\(place): sparse vector `\(name)` has \(vector.values[position]) "
                    + "at position \(position)")
        }
        let sorted = vector.sorted()
        for (left, right) in zip(sorted.indices, sorted.indices.dropFirst()) where left == right {
            throw DatabaseError(
                .validation,
                "Validation error: \(place): sparse vector `\(name)` has index \(left) twice; "
                    + "indices must be unique")
        }
        return sorted
    }
}

/// Where a vector comes from. Errors say it in words; nothing else does, and most vectors have none.
package enum VectorPlace: CustomStringConvertible {
    case point(PointID)
    case other(String)

    package var description: String {
        switch self {
        case .point(let id): "point \(id)"
        case .other(let text): text
        }
    }
}
