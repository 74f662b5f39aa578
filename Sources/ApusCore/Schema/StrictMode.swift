/// Limits that a collection sets to its requests; nil: no limit.
///
/// It is kept with the collection as it was given (`CollectionConfiguration.strictMode`), under the
/// wire API's names.
public struct StrictMode: Hashable, Sendable {
    /// Otherwise no limit is in force.
    public var isEnabled = false
    /// Points of an answer; of groups and matrices, limit times group size or sample.
    public var queryLimitMax: Int?
    public var timeoutSecondsMax: Int?
    /// Whether reads may filter by fields without a payload index.
    public var allowsUnindexedReads = true
    /// The same of deletes and payload changes by filter.
    public var allowsUnindexedUpdates = true
    public var efMax: Int?
    /// Whether a request may ask for an exact answer, or search a field without an index.
    public var allowsExactSearch = true
    public var oversamplingMax: Double?
    /// Points of one upsert, or of one update of vectors.
    public var upsertBatchMax: Int?
    /// Queries of one batch.
    public var searchBatchMax: Int?
    /// Bytes of all vectors; what would come on top is refused.
    public var vectorBytesMax: Int?
    public var payloadBytesMax: Int?
    public var pointsMax: Int?
    /// Reads and writes per minute; a filter's conditions count as one each.
    public var readsPerMinute: Int?
    public var writesPerMinute: Int?
    /// Conditions of a filter, those in filters inside it included.
    public var filterConditionsMax: Int?
    /// Values that one condition lists.
    public var conditionSizeMax: Int?
    public var payloadIndexesMax: Int?
    /// Vectors of a multi vector, by field.
    public var multiVectorsMax: [String: Int] = [:]
    /// Indices of a sparse vector, by field.
    public var sparseLengthMax: [String: Int] = [:]

    /// Reads settings under their names in the wire API; null is as good as none, and names that it
    /// does not know are passed over.
    /// - Throws: `invalidArgument` for a value of the wrong type, `validation` for one out of range.
    public init(_ settings: [String: JSONValue]) throws(DatabaseError) {
        isEnabled = try settings.flag("enabled") ?? false
        queryLimitMax = try settings.count("max_query_limit", from: 1)
        timeoutSecondsMax = try settings.count("max_timeout", from: 1)
        allowsUnindexedReads = try settings.flag("unindexed_filtering_retrieve") ?? true
        allowsUnindexedUpdates = try settings.flag("unindexed_filtering_update") ?? true
        efMax = try settings.count("search_max_hnsw_ef", from: 0)
        allowsExactSearch = try settings.flag("search_allow_exact") ?? true
        oversamplingMax = try settings.number("search_max_oversampling")
        upsertBatchMax = try settings.count("upsert_max_batchsize", from: 0)
        searchBatchMax = try settings.count("search_max_batchsize", from: 0)
        vectorBytesMax = try settings.count("max_collection_vector_size_bytes", from: 0)
        payloadBytesMax = try settings.count("max_collection_payload_size_bytes", from: 0)
        pointsMax = try settings.count("max_points_count", from: 1)
        readsPerMinute = try settings.count("read_rate_limit", from: 1)
        writesPerMinute = try settings.count("write_rate_limit", from: 1)
        filterConditionsMax = try settings.count("filter_max_conditions", from: 0)
        conditionSizeMax = try settings.count("condition_max_size", from: 0)
        payloadIndexesMax = try settings.count("max_payload_index_count", from: 0)
        multiVectorsMax = try settings.counts("multivector_config", "max_vectors")
        sparseLengthMax = try settings.counts("sparse_config", "max_length")
    }
}

extension [String: JSONValue] {
    fileprivate func flag(_ name: String) throws(DatabaseError) -> Bool? {
        switch self[name] {
        case nil, .null: return nil
        case .bool(let value): return value
        default: throw .wrongInput("strict_mode_config.\(name) is neither true nor false")
        }
    }

    fileprivate func number(_ name: String) throws(DatabaseError) -> Double? {
        switch self[name] {
        case nil, .null: return nil
        case .integer(let value): return Double(value)
        case .double(let value): return value
        default: throw .wrongInput("strict_mode_config.\(name) is no number")
        }
    }

    fileprivate func count(_ name: String, from least: Int) throws(DatabaseError) -> Int? {
        switch self[name] {
        case nil, .null: return nil
        case .integer(let value):
            guard value >= least else {
                throw DatabaseError(
                    .validation,
                    "Validation error: [strict_mode_config.\(name): value \(value) invalid, must "
                        + "be \(least) or larger]")
            }
            return Int(value)
        default: throw .wrongInput("strict_mode_config.\(name) is no whole number")
        }
    }

    /// `{name: {field: {member: count}}}`.
    fileprivate func counts(
        _ name: String, _ member: String
    ) throws(DatabaseError) -> [String: Int] {
        switch self[name] {
        case nil, .null: return [:]
        case .object(let fields):
            var counts: [String: Int] = [:]
            for (field, value) in fields {
                guard case .object(let limits) = value else {
                    throw .wrongInput("strict_mode_config.\(name).\(field) is no object")
                }
                counts[field] = try limits.count(member, from: 1)
            }
            return counts
        default: throw .wrongInput("strict_mode_config.\(name) is no object")
        }
    }
}
