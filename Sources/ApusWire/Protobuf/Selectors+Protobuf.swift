// Which points an operation concerns, and what an answer carries of them.

package import ApusCore
package import ApusProto

extension PointSelection {
    /// An empty filter selects every point; no selector at all is an error.
    package init(_ message: Qdrant_PointsSelector) throws(DatabaseError) {
        switch message.pointsSelectorOneOf {
        case .points(let list): self = .ids(try PointID.ids(list.ids))
        case .filter(let filter): self = .filter(try Filter(filter))
        case nil: throw .wrongInput("Either ids or a filter must say which points are meant")
        }
    }
}

extension PayloadSelector {
    /// nil when the message says nothing, so that each method can have its own default.
    package init?(_ message: Qdrant_WithPayloadSelector) throws(DatabaseError) {
        switch message.selectorOptions {
        case .enable(let enable): self = enable ? .all : .none
        case .include(let selector):
            self = .include(try PayloadPath.paths(selector.fields, field: "with_payload"))
        case .exclude(let selector):
            self = .exclude(try PayloadPath.paths(selector.fields, field: "with_payload"))
        case nil: return nil
        }
    }
}

extension VectorSelector {
    /// No vectors when the message says nothing.
    package init(_ message: Qdrant_WithVectorsSelector) {
        switch message.selectorOptions {
        case .enable(let enable): self = enable ? .all : .none
        case .include(let selector): self = .named(selector.names)
        case nil: self = .none
        }
    }
}
