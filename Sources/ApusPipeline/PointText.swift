package import ApusCore

/// Parts of a point as JSON, in as few digits as say the same numbers.
package enum PointText {
    package static func id(_ id: PointID) -> String {
        switch id {
        case .number(let number): String(number)
        case .uuid(let uuid): "\"\(uuid)\""
        }
    }

    /// Without quotes.
    package static func plain(_ id: PointID) -> String {
        switch id {
        case .number(let number): String(number)
        case .uuid(let uuid): "\(uuid)"
        }
    }

    /// The unnamed vector by itself where there is no other one, else an object of all by their names.
    package static func vectors(_ vectors: [String: Vector]) -> String {
        if vectors.count == 1, let only = vectors[defaultVectorName] { return text(of: only) }
        let members = vectors.sorted { $0.key < $1.key }.map { name, vector in
            "\(JSONValue.string(name).jsonText): \(text(of: vector))"
        }
        return "{\(members.joined(separator: ", "))}"
    }

    private static func text(of vector: Vector) -> String {
        switch vector {
        case .dense(let values): text(of: values)
        case .multi(let rows): "[\(rows.map(text).joined(separator: ", "))]"
        case .sparse(let sparse):
            "{\"indices\": [\(sparse.indices.map(String.init).joined(separator: ", "))], "
                + "\"values\": \(text(of: sparse.values))}"
        }
    }

    private static func text(of values: [Float]) -> String {
        "[\(values.map { "\($0)" }.joined(separator: ", "))]"
    }
}
