// The settings of a new collection, and of an existing one as it describes itself.

package import ApusCore
package import ApusProto

extension CollectionConfiguration {
    package init(_ message: Qdrant_CreateCollection) throws(DatabaseError) {
        self.init()
        vectors = try DenseVectorConfiguration.byName(message.vectorsConfig)
        sparseVectors = try SparseVectorConfiguration.byName(message.sparseVectorsConfig)
        if message.hasHnswConfig {
            hnsw = hnsw.applying(HNSWConfigurationChange(message.hnswConfig))
        }
        if message.hasOptimizersConfig {
            optimizers = optimizers.applying(.init(message.optimizersConfig))
        }
        if message.hasWalConfig { wal = WALConfiguration(message.walConfig) }
        if message.hasQuantizationConfig {
            quantization = try QuantizationConfiguration(message.quantizationConfig)
        }
        if message.hasStrictModeConfig { strictMode = message.strictModeConfig.settings }
        if !message.metadata.isEmpty { metadata = Payload(message.metadata) }
        if message.hasShardNumber { shardNumber = Int(message.shardNumber) }
        if message.hasShardingMethod {
            shardingMethod = message.shardingMethod == .custom ? .custom : .auto
        }
        if message.hasReplicationFactor { replicationFactor = Int(message.replicationFactor) }
        if message.hasWriteConsistencyFactor {
            writeConsistencyFactor = Int(message.writeConsistencyFactor)
        }
        if message.hasOnDiskPayload { onDiskPayload = message.onDiskPayload }
        if let value = message.payload.memory.isOnDisk { onDiskPayload = value }
        try requireAtLeastOne(shardNumber, "shard_number")
        try requireAtLeastOne(replicationFactor, "replication_factor")
        try requireAtLeastOne(writeConsistencyFactor, "write_consistency_factor")
    }
}

extension Qdrant_CollectionConfig {
    package init(_ configuration: CollectionConfiguration) {
        self.init()
        params = Qdrant_CollectionParams(configuration)
        hnswConfig = Qdrant_HnswConfigDiff(configuration.hnsw)
        optimizerConfig = Qdrant_OptimizersConfigDiff(configuration.optimizers)
        walConfig = Qdrant_WalConfigDiff(configuration.wal)
        if let value = configuration.quantization {
            quantizationConfig = Qdrant_QuantizationConfig(value)
        }
        if let value = configuration.strictMode {
            strictModeConfig = Qdrant_StrictModeConfig(settings: value)
        }
        if let value = configuration.metadata { metadata = Qdrant_Value.fields(value) }
    }
}

extension Qdrant_CollectionParams {
    init(_ configuration: CollectionConfiguration) {
        self.init()
        shardNumber = UInt32(clamping: configuration.shardNumber)
        onDiskPayload = configuration.onDiskPayload
        vectorsConfig = Qdrant_VectorsConfig(configuration.vectors)
        replicationFactor = UInt32(clamping: configuration.replicationFactor)
        writeConsistencyFactor = UInt32(clamping: configuration.writeConsistencyFactor)
        if let value = configuration.readFanOutFactor { readFanOutFactor = UInt32(clamping: value) }
        if let value = configuration.shardingMethod {
            shardingMethod = value == .custom ? .custom : .auto
        }
        if !configuration.sparseVectors.isEmpty {
            sparseVectorsConfig.map = configuration.sparseVectors.mapValues {
                Qdrant_SparseVectorParams($0)
            }
        }
    }
}

extension WALConfiguration {
    init(_ message: Qdrant_WalConfigDiff) {
        self.init()
        if message.hasWalCapacityMb { capacityMegabytes = Int(count: message.walCapacityMb) }
        if message.hasWalSegmentsAhead { segmentsAhead = Int(count: message.walSegmentsAhead) }
        if message.hasWalRetainClosed { retainClosed = Int(count: message.walRetainClosed) }
    }
}

extension Qdrant_WalConfigDiff {
    init(_ configuration: WALConfiguration) {
        self.init()
        walCapacityMb = UInt64(count: configuration.capacityMegabytes)
        walSegmentsAhead = UInt64(count: configuration.segmentsAhead)
        walRetainClosed = UInt64(count: configuration.retainClosed)
    }
}
