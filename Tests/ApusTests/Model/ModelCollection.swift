import Apus

/// A collection as a dictionary: what the engine must agree with.
struct ModelCollection: Equatable, Sendable {
    var shape: Int
    var points: [Int: ModelPoint] = [:]
    var metadata: Int?
    var indexedKeys: Set<String> = []

    /// A mistake that a test plants, to see that it is found.
    enum PlantedBug: Hashable, Sendable {
        /// Deletions by id leave this point.
        case keepsDeletedPoint(Int)
    }

    /// The collection after one write call; nil when the call must be refused as a whole.
    func applying(_ changes: [Change], plantedBug: PlantedBug?) -> ModelCollection? {
        var result = self
        for change in changes {
            guard result.apply(change, plantedBug) else { return nil }
        }
        return result
    }

    private mutating func apply(_ change: Change, _ plantedBug: PlantedBug?) -> Bool {
        let shape = Shape.all[self.shape]
        switch change {
        case .upsert(let drafts):
            for draft in drafts {
                points[draft.id] = ModelPoint(
                    vectors: shape.stored(shape.vectors(draft)), payload: Shape.payload(draft))
            }
        case .delete(let selection):
            for id in ids(selection) {
                if case .ids = selection, plantedBug == .keepsDeletedPoint(id) { continue }
                points[id] = nil
            }
        case .updateVectors(let drafts):
            for draft in drafts {
                guard points[draft.id] != nil else { return false }
                points[draft.id]?.vectors.merge(shape.stored(shape.vectors(draft))) { $1 }
            }
        case .deleteVectors(let fields, let selection):
            guard fields.allSatisfy({ shape.field($0) != nil }) else { return false }
            return edit(selection) { point in
                for field in fields { point.vectors[field] = nil }
            }
        case .setPayload(let salt, let key, let selection):
            let new = Shape.payload(Draft(id: -2, salt: salt))
            return edit(selection) { point in
                guard let key else { return point.payload.merge(new) { $1 } }
                var object: Payload = [:]
                if case .object(let old)? = point.payload[key] { object = old }
                point.payload[key] = .object(object.merging(new) { $1 })
            }
        case .overwritePayload(let salt, let selection):
            let new = Shape.payload(Draft(id: -2, salt: salt))
            return edit(selection) { $0.payload = new }
        case .deletePayload(let keys, let selection):
            return edit(selection) { point in
                for key in keys { point.payload[key] = nil }
            }
        case .clearPayload(let selection):
            return edit(selection) { $0.payload = [:] }
        }
        return true
    }

    /// Changes the selected points; false when an id is named that is not there.
    private mutating func edit(
        _ selection: Selection, _ change: (inout ModelPoint) -> Void
    ) -> Bool {
        for id in ids(selection) {
            guard var point = points[id] else { return false }
            change(&point)
            points[id] = point
        }
        return true
    }

    private func ids(_ selection: Selection) -> [Int] {
        switch selection {
        case .ids(let ids): ids
        case .matching(let choice): matching(choice)
        }
    }

    /// The points that a filter admits, in the order in which the engine lists ids.
    func matching(_ choice: Choice) -> [Int] {
        points.filter { choice.admits(id: $0.key, $0.value) }.keys
            .sorted { Shape.id($0) < Shape.id($1) }
    }
}

/// A point as the engine gives it back: vectors under cosine have length 1.
struct ModelPoint: Equatable, Sendable {
    var vectors: [String: Vector]
    var payload: Payload

    /// Equality up to the rounding of normalised vectors.
    func agrees(with other: ModelPoint) -> Bool {
        guard payload == other.payload, vectors.count == other.vectors.count else { return false }
        return vectors.allSatisfy { name, vector in
            switch (vector, other.vectors[name]) {
            case (.dense(let left), .dense(let right)?):
                left.count == right.count
                    && zip(left, right).allSatisfy { abs($0 - $1) <= 1e-5 * max(1, abs($0)) }
            case (_, let right): vector == right
            }
        }
    }
}

extension Shape {
    /// The vectors as the engine keeps them.
    func stored(_ vectors: [String: Vector]) -> [String: Vector] {
        var stored = vectors
        for (name, vector) in vectors {
            if case .dense(_, .cosine)? = field(name), case .dense(let floats) = vector {
                stored[name] = .dense(Self.normalised(floats))
            }
        }
        return stored
    }

    static func normalised(_ floats: [Float]) -> [Float] {
        let length = floats.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        return floats.map { Float(Double($0) / length) }
    }
}

extension Choice {
    func admits(id: Int, _ point: ModelPoint) -> Bool {
        switch self {
        case .everything: true
        case .colour(let colour):
            switch point.payload["colour"] {
            case .string(let value)?: value == colour
            case .array(let values)?: values.contains(.string(colour))
            default: false
            }
        case .numberBelow(let bound):
            if case .integer(let value)? = point.payload["n"] { value < bound } else { false }
        case .ids(let ids): ids.contains(id)
        case .hasVector(let field): point.vectors[field] != nil
        case .lacks(let key): point.payload[key] == nil
        case .not(let choice): !choice.admits(id: id, point)
        case .both(let left, let right):
            left.admits(id: id, point) && right.admits(id: id, point)
        }
    }

    /// The same as the engine's filter.
    var filter: Filter {
        switch self {
        case .everything: Filter()
        case .colour(let colour):
            Filter(must: [.field(PayloadPath(key: "colour"), .matchKeyword(colour))])
        case .numberBelow(let bound):
            Filter(must: [
                .field(PayloadPath(key: "n"), .range(NumericRange(lessThan: Double(bound))))
            ])
        case .ids(let ids): Filter(must: [.hasID(Set(ids.map(Shape.id)))])
        case .hasVector(let field): Filter(must: [.hasVector(field)])
        case .lacks(let key): Filter(must: [.isEmpty(PayloadPath(key: key))])
        case .not(let choice): Filter(mustNot: [.filter(choice.filter)])
        case .both(let left, let right):
            Filter(must: [.filter(left.filter)], should: [.filter(right.filter)])
        }
    }
}
