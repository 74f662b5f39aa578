internal import ApusCore
internal import ApusIndex

extension ReadView {
    /// How many points have each value of a field, most first, equal counts by value. Values are
    /// strings, integers and booleans; an array counts as each of its elements.
    ///
    /// Where the field has an index that knows its values, it is answered from there: O(values), and
    /// with a filter or deletions O(rows that have a value). Elsewhere payloads are read.
    func facets(_ request: FacetRequest) throws -> [FacetHit] {
        guard request.limit > 0 else {
            throw DatabaseError(
                .validation, "Validation error: limit: value 0 invalid, must be 1 or larger")
        }
        var counts: [FacetValue: Int] = [:]
        for (index, segment) in segments.enumerated() {
            try count(request, inSegment: index, segment, into: &counts)
        }
        let hits = counts.map { FacetHit(value: $0.key, count: $0.value) }.sorted { left, right in
            left.count == right.count ? left.value < right.value : left.count > right.count
        }
        return Array(hits.prefix(request.limit))
    }

    private func count(
        _ request: FacetRequest, inSegment index: Int, _ segment: any Segment,
        into counts: inout [FacetValue: Int]
    ) throws {
        let written = segment.writtenCount(through: lsn)
        let isEveryRowCounted =
            (request.filter?.isEmpty ?? true) && segment.deletions.count == 0
        let admitted = try isEveryRowCounted ? nil : admittedBitmap(index, request.filter)
        var next = 0
        // Rows of a run that the view does not reach are left out by the bitmap only.
        for part in segment.indexedRows(schema.indexedFields)
        where admitted != nil || part.rows.upperBound <= written {
            guard part.rows.lowerBound < written, let values = try part.index(request.key),
                values.knowsFacets
            else { break }
            let rows = admitted?.part(part.rows)
            var canonical: [FacetValue: Int] = [:]
            values.forEachFacet(among: rows) { value, count in
                canonical[value.canonical(values.schema.type), default: 0] += count
            }
            counts.merge(canonical, uniquingKeysWith: +)
            next = part.rows.upperBound
        }
        guard next < written else { return }
        let type = schema.indexedFields[request.key]?.type
        let path = CompiledPath(request.key)
        unsafe try segment.forEachPayload(in: next..<written) { row, payload in
            guard admitted?[row] ?? true else { return }
            var found: Set<FacetValue> = []
            unsafe EncodedPayload(payload).forEachFlatValue(at: path) { value in
                if let value = FacetValue(value) { found.insert(value.canonical(type)) }
            }
            for value in found { counts[value, default: 0] += 1 }
        }
    }

    /// The visible rows of a segment that match.
    private func admittedBitmap(_ index: Int, _ filter: Filter?) throws -> Bitmap {
        let admitted = try admittedRows(
            of: index,
            SearchScope(
                filter: filter, parameters: SearchParameters(), limit: segments[index].rowCount))
        var rows = Bitmap(count: admitted.writtenCount)
        for row in 0..<admitted.writtenCount where admitted.contains(row) { rows[row] = true }
        return rows
    }
}

extension FacetValue {
    /// nil: a value of a kind that has no facets.
    fileprivate init?(_ value: EncodedValue) {
        switch value.kind {
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .integer(value)
        case .string:
            let text = value.withText { text in
                var bytes: [UInt8] = []
                bytes.reserveCapacity(text.count)
                for index in 0..<text.count { bytes.append(text[index]) }
                return String(decoding: bytes, as: UTF8.self)
            }
            guard let text else { return nil }
            self = .string(text)
        case .null, .double, .array, .object: return nil
        }
    }

    /// UUIDs of a field that holds such have one form.
    fileprivate func canonical(_ type: PayloadFieldType?) -> FacetValue {
        guard type == .uuid, case .string(let text) = self, let uuid = UUIDBytes(text) else {
            return self
        }
        return .string("\(uuid)")
    }
}
