// Facets and distance matrices.

package import ApusCore
package import ApusProto

extension FacetRequest {
    package init(_ message: Qdrant_FacetCounts) throws(DatabaseError) {
        self.init(
            key: try PayloadPath(text: message.key, field: "key"),
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            limit: message.hasLimit ? Int(count: message.limit) : 10,
            exact: message.exact)
        try requireAtLeastOne(limit, "limit")
    }
}

extension Qdrant_FacetHit {
    package init(_ hit: FacetHit) {
        self.init()
        switch hit.value {
        case .bool(let flag): value.boolValue = flag
        case .integer(let number): value.integerValue = number
        case .string(let text): value.stringValue = text
        }
        count = UInt64(count: hit.count)
    }
}

extension MatrixRequest {
    package init(_ message: Qdrant_SearchMatrixPoints) throws(DatabaseError) {
        self.init(
            filter: message.hasFilter ? try Filter(message.filter) : nil,
            sample: message.hasSample ? Int(count: message.sample) : 10,
            limit: message.hasLimit ? Int(count: message.limit) : 3,
            using: message.hasUsing ? message.using : nil)
    }
}

extension Qdrant_SearchMatrixPairs {
    package init(_ matrix: DistanceMatrix) {
        self.init()
        for (id, row) in zip(matrix.ids, matrix.rows) {
            for entry in row {
                pairs.append(
                    .with {
                        $0.a = Qdrant_PointId(id)
                        $0.b = Qdrant_PointId(matrix.ids[entry.column])
                        $0.score = entry.score
                    })
            }
        }
    }
}

extension Qdrant_SearchMatrixOffsets {
    package init(_ matrix: DistanceMatrix) {
        self.init()
        ids = matrix.ids.map { Qdrant_PointId($0) }
        for (index, row) in matrix.rows.enumerated() {
            for entry in row {
                offsetsRow.append(UInt64(count: index))
                offsetsCol.append(UInt64(count: entry.column))
                scores.append(entry.score)
            }
        }
    }
}
