import ApusCore
import ApusProto

extension Qdrant_StrictModeConfig: WireSettings {
    static var settings: [WireSetting<Self>] {
        [
            WireSetting("enabled", \.hasEnabled, \.enabled),
            WireSetting("max_query_limit", \.hasMaxQueryLimit, \.maxQueryLimit),
            WireSetting("max_timeout", \.hasMaxTimeout, \.maxTimeout),
            WireSetting(
                "unindexed_filtering_retrieve", \.hasUnindexedFilteringRetrieve,
                \.unindexedFilteringRetrieve),
            WireSetting(
                "unindexed_filtering_update", \.hasUnindexedFilteringUpdate,
                \.unindexedFilteringUpdate),
            WireSetting("search_max_hnsw_ef", \.hasSearchMaxHnswEf, \.searchMaxHnswEf),
            WireSetting("search_allow_exact", \.hasSearchAllowExact, \.searchAllowExact),
            WireSetting(
                "search_max_oversampling", \.hasSearchMaxOversampling, \.searchMaxOversampling),
            WireSetting("upsert_max_batchsize", \.hasUpsertMaxBatchsize, \.upsertMaxBatchsize),
            WireSetting("search_max_batchsize", \.hasSearchMaxBatchsize, \.searchMaxBatchsize),
            WireSetting(
                "max_collection_vector_size_bytes", \.hasMaxCollectionVectorSizeBytes,
                \.maxCollectionVectorSizeBytes),
            WireSetting("read_rate_limit", \.hasReadRateLimit, \.readRateLimit),
            WireSetting("write_rate_limit", \.hasWriteRateLimit, \.writeRateLimit),
            WireSetting(
                "max_collection_payload_size_bytes", \.hasMaxCollectionPayloadSizeBytes,
                \.maxCollectionPayloadSizeBytes),
            WireSetting("filter_max_conditions", \.hasFilterMaxConditions, \.filterMaxConditions),
            WireSetting("condition_max_size", \.hasConditionMaxSize, \.conditionMaxSize),
            WireSetting("max_points_count", \.hasMaxPointsCount, \.maxPointsCount),
            WireSetting(
                "max_payload_index_count", \.hasMaxPayloadIndexCount, \.maxPayloadIndexCount),
            WireSetting(
                "max_resident_memory_percent", \.hasMaxResidentMemoryPercent,
                \.maxResidentMemoryPercent),
            WireSetting("multivector_config") {
                $0.hasMultivectorConfig ? limits($0.multivectorConfig.multivectorConfig) : nil
            } set: {
                $0.multivectorConfig.multivectorConfig = limits($1)
            },
            WireSetting("sparse_config") {
                $0.hasSparseConfig ? limits($0.sparseConfig.sparseConfig) : nil
            } set: {
                $0.sparseConfig.sparseConfig = limits($1)
            },
        ]
    }

    private static func limits(_ byName: [String: some WireSettings]) -> JSONValue {
        .object(byName.mapValues { .object($0.settings) })
    }

    private static func limits<Limits: WireSettings>(_ value: JSONValue) -> [String: Limits] {
        guard case .object(let byName) = value else { return [:] }
        return byName.compactMapValues { limits in
            if case .object(let settings) = limits { Limits(settings: settings) } else { nil }
        }
    }
}

extension Qdrant_StrictModeMultivector: WireSettings {
    static var settings: [WireSetting<Self>] {
        [WireSetting("max_vectors", \.hasMaxVectors, \.maxVectors)]
    }
}

extension Qdrant_StrictModeSparse: WireSettings {
    static var settings: [WireSetting<Self>] {
        [WireSetting("max_length", \.hasMaxLength, \.maxLength)]
    }
}
