package import ApusCore

extension NewCollection {
    /// The body that creates a collection: its settings, and our own `card`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "card" {
                card = try reader.optional(CollectionCard.init(reading:))
                continue
            }
            if try configuration.readShape(key, &reader) { continue }
            if try configuration.readSettings(key, &reader) { continue }
            try reader.skipValue()
        }
    }
}

extension CollectionConfiguration {
    /// Reads what says how points look; false if the member is something else.
    fileprivate mutating func readShape(
        _ name: String, _ reader: inout JSONReader
    ) throws(JSONError) -> Bool {
        switch name {
        case "vectors":
            vectors = try reader.optional(DenseVectorConfiguration.fields(reading:)) ?? [:]
        case "sparse_vectors":
            sparseVectors =
                try reader.optional { (reader) throws(JSONError) in
                    try reader.dictionary(of: SparseVectorConfiguration.init(reading:))
                } ?? [:]
        case "shard_number": shardNumber = try reader.readLimit() ?? 1
        case "sharding_method":
            shardingMethod = try reader.optional { (reader) throws(JSONError) in
                try reader.readName(["auto": .auto, "custom": ShardingMethod.custom])
            }
        case "replication_factor": replicationFactor = try reader.readLimit() ?? 1
        case "write_consistency_factor": writeConsistencyFactor = try reader.readLimit() ?? 1
        default: return false
        }
        return true
    }

    fileprivate mutating func readSettings(
        _ name: String, _ reader: inout JSONReader
    ) throws(JSONError) -> Bool {
        switch name {
        case "on_disk_payload":
            onDiskPayload = try reader.optional(Bool.init(reading:)) ?? onDiskPayload
        case "payload":
            onDiskPayload = try reader.readPayloadStorageAsOnDisk() ?? onDiskPayload
        case "hnsw_config":
            hnsw = hnsw.applying(
                try reader.optional(HNSWConfigurationChange.init(reading:)))
        case "optimizers_config":
            optimizers = optimizers.applying(
                try reader.optional(
                    CollectionConfigurationChange.OptimizersChange.init(reading:)))
        case "wal_config":
            wal = try reader.optional(WALConfiguration.init(reading:)) ?? WALConfiguration()
        case "quantization_config":
            quantization = try reader.optional(QuantizationConfiguration.init(reading:))
        case "strict_mode_config": strictMode = try reader.optional(Payload.init(reading:))
        case "metadata": metadata = try reader.optional(Payload.init(reading:))
        default: return false
        }
        return true
    }
}

extension CollectionConfigurationChange {
    /// The body that updates a collection.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "vectors":
                vectors =
                    try reader.optional { (reader) throws(JSONError) in
                        try reader.dictionary(of: VectorChange.init(reading:))
                    } ?? [:]
            case "sparse_vectors":
                sparseVectors =
                    try reader.optional { (reader) throws(JSONError) in
                        try reader.dictionary(of: SparseVectorConfiguration.init(reading:))
                    } ?? [:]
            case "hnsw_config":
                hnsw = try reader.optional(HNSWConfigurationChange.init(reading:))
            case "optimizers_config":
                optimizers = try reader.optional(OptimizersChange.init(reading:))
            // The interface changes nothing of the log; the setting in it is ours.
            case "wal_config":
                durability = try reader.optional(WALConfiguration.init(reading:))?.durability
            case "quantization_config":
                quantization = try reader.optional(QuantizationChange.init(reading:))
            case "params": if !reader.readNull() { try readParams(&reader) }
            case "strict_mode_config": strictMode = try reader.optional(Payload.init(reading:))
            case "metadata": metadata = try reader.optional(Payload.init(reading:))
            default: try reader.skipValue()
            }
        }
    }

    private mutating func readParams(_ reader: inout JSONReader) throws(JSONError) {
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "replication_factor": replicationFactor = try reader.readLimit()
            case "write_consistency_factor": writeConsistencyFactor = try reader.readLimit()
            case "read_fan_out_factor": readFanOutFactor = try reader.readOptionalCount()
            case "on_disk_payload":
                onDiskPayload = try reader.optional(Bool.init(reading:)) ?? onDiskPayload
            case "payload":
                onDiskPayload = try reader.readPayloadStorageAsOnDisk() ?? onDiskPayload
            default: try reader.skipValue()
            }
        }
    }
}

extension CollectionConfigurationChange.VectorChange {
    init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        var memory: Bool?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "hnsw_config":
                hnsw = try reader.optional(HNSWConfigurationChange.init(reading:))
            case "quantization_config":
                quantization = try reader.optional(
                    CollectionConfigurationChange.QuantizationChange.init(reading:))
            case "on_disk": onDisk = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsOnDisk()
            default: try reader.skipValue()
            }
        }
        onDisk = memory ?? onDisk
    }
}
