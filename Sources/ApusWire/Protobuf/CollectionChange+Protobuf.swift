package import ApusCore
package import ApusProto

extension CollectionConfigurationChange {
    package init(_ message: Qdrant_UpdateCollection) throws(DatabaseError) {
        self.init()
        vectors = try VectorChange.byName(message.vectorsConfig)
        sparseVectors = try SparseVectorConfiguration.byName(message.sparseVectorsConfig)
        if message.hasHnswConfig { hnsw = HNSWConfigurationChange(message.hnswConfig) }
        if message.hasOptimizersConfig { optimizers = OptimizersChange(message.optimizersConfig) }
        if message.hasQuantizationConfig {
            quantization = try QuantizationChange(message.quantizationConfig)
        }
        if message.hasStrictModeConfig { strictMode = message.strictModeConfig.settings }
        if !message.metadata.isEmpty { metadata = Payload(message.metadata) }
        if message.hasParams { try apply(message.params) }
    }

    private mutating func apply(_ params: Qdrant_CollectionParamsDiff) throws(DatabaseError) {
        if params.hasReplicationFactor {
            try requireAtLeastOne(Int(params.replicationFactor), "params.replication_factor")
            replicationFactor = Int(params.replicationFactor)
        }
        if params.hasWriteConsistencyFactor {
            try requireAtLeastOne(
                Int(params.writeConsistencyFactor), "params.write_consistency_factor")
            writeConsistencyFactor = Int(params.writeConsistencyFactor)
        }
        if params.hasReadFanOutFactor { readFanOutFactor = Int(params.readFanOutFactor) }
        if params.hasOnDiskPayload { onDiskPayload = params.onDiskPayload }
        if let value = params.payload.memory.isOnDisk { onDiskPayload = value }
    }
}

extension CollectionConfigurationChange.VectorChange {
    fileprivate static func byName(
        _ message: Qdrant_VectorsConfigDiff
    ) throws(DatabaseError) -> [String: Self] {
        switch message.config {
        case .params(let params): return [defaultVectorName: try Self(params)]
        case .paramsMap(let fields):
            var result: [String: Self] = [:]
            for (name, params) in fields.map { result[name] = try Self(params) }
            return result
        case nil: return [:]
        }
    }

    private init(_ message: Qdrant_VectorParamsDiff) throws(DatabaseError) {
        self.init(
            hnsw: message.hasHnswConfig ? HNSWConfigurationChange(message.hnswConfig) : nil,
            quantization: message.hasQuantizationConfig
                ? try CollectionConfigurationChange.QuantizationChange(message.quantizationConfig)
                : nil,
            onDisk: message.isOnDisk)
    }
}
