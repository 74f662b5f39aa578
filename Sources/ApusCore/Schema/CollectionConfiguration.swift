/// Everything that was decided when a collection was created or updated; it is stored with it.
///
/// Settings that one node or this version has no use for (shards, replicas, flush intervals) are
/// kept and given back unchanged, because clients of the wire API read them.
public struct CollectionConfiguration: Hashable, Sendable, Codable {
    /// Dense vector fields by name; a single unnamed field is `""`.
    public var vectors: [String: DenseVectorConfiguration]
    public var sparseVectors: [String: SparseVectorConfiguration]
    public var hnsw: HNSWConfiguration
    public var optimizers: OptimizersConfiguration
    public var wal: WALConfiguration
    public var quantization: QuantizationConfiguration?
    public var strictMode: [String: JSONValue]?
    public var metadata: Payload?
    public var shardNumber: Int
    public var shardingMethod: ShardingMethod?
    public var replicationFactor: Int
    public var writeConsistencyFactor: Int
    public var readFanOutFactor: Int?
    public var onDiskPayload: Bool

    public init(
        vectors: [String: DenseVectorConfiguration] = [:],
        sparseVectors: [String: SparseVectorConfiguration] = [:],
        hnsw: HNSWConfiguration = HNSWConfiguration(),
        optimizers: OptimizersConfiguration = OptimizersConfiguration(),
        wal: WALConfiguration = WALConfiguration(),
        quantization: QuantizationConfiguration? = nil,
        strictMode: [String: JSONValue]? = nil,
        metadata: Payload? = nil,
        shardNumber: Int = 1,
        shardingMethod: ShardingMethod? = nil,
        replicationFactor: Int = 1,
        writeConsistencyFactor: Int = 1,
        readFanOutFactor: Int? = nil,
        onDiskPayload: Bool = true
    ) {
        self.vectors = vectors
        self.sparseVectors = sparseVectors
        self.hnsw = hnsw
        self.optimizers = optimizers
        self.wal = wal
        self.quantization = quantization
        self.strictMode = strictMode
        self.metadata = metadata
        self.shardNumber = shardNumber
        self.shardingMethod = shardingMethod
        self.replicationFactor = replicationFactor
        self.writeConsistencyFactor = writeConsistencyFactor
        self.readFanOutFactor = readFanOutFactor
        self.onDiskPayload = onDiskPayload
    }

    /// A collection with one unnamed dense vector field.
    public init(dimension: Int, metric: Metric, hnsw: HNSWConfiguration = HNSWConfiguration()) {
        self.init(
            vectors: [
                defaultVectorName: DenseVectorConfiguration(dimension: dimension, metric: metric)
            ],
            hnsw: hnsw)
    }
}

public enum ShardingMethod: String, Hashable, Sendable, Codable {
    case auto
    case custom
}

/// One named dense vector field.
public struct DenseVectorConfiguration: Hashable, Sendable, Codable {
    /// Floats per vector, 1…65,536.
    public var dimension: Int
    public var metric: Metric
    /// Overrides of the collection's graph settings for this field.
    public var hnsw: HNSWConfigurationChange?
    public var quantization: QuantizationConfiguration?
    /// Serve vectors from the mapped file instead of from memory; nil: the default (memory).
    public var onDisk: Bool?
    /// How precise stored vectors are; nil: float32.
    public var datatype: VectorDatatype? {
        didSet { storedAs = datatype?.element }
    }
    /// What components are stored as; nil: float32. A configuration that was written when every
    /// datatype was stored as float32 has none, and its collection stays as it is.
    package private(set) var storedAs: VectorElement?
    /// Points carry a list of vectors in this field, compared by MaxSim.
    public var isMultiVector: Bool
    /// Sealed segments have an IVF-PQ index of this kind; nil: a graph.
    public var ivf: IVFConfiguration?

    public init(
        dimension: Int,
        metric: Metric,
        hnsw: HNSWConfigurationChange? = nil,
        quantization: QuantizationConfiguration? = nil,
        onDisk: Bool? = nil,
        datatype: VectorDatatype? = nil,
        isMultiVector: Bool = false,
        ivf: IVFConfiguration? = nil
    ) {
        self.ivf = ivf
        self.dimension = dimension
        self.metric = metric
        self.hnsw = hnsw
        self.quantization = quantization
        self.onDisk = onDisk
        self.datatype = datatype
        storedAs = datatype?.element
        self.isMultiVector = isMultiVector
    }

    /// What a component of a stored vector is.
    package var element: VectorElement { storedAs ?? .float32 }

    /// Of the components of one stored vector.
    package var vectorByteCount: Int { dimension * element.byteCount }
}

public enum VectorDatatype: String, Hashable, Sendable, Codable {
    case float32
    case float16
    case uint8
    case turbo4
}

/// One named sparse vector field, scored by dot product.
public struct SparseVectorConfiguration: Hashable, Sendable, Codable {
    public enum Modifier: String, Hashable, Sendable, Codable {
        case none
        /// Query weights are multiplied by the inverse document frequency of their index.
        case idf
    }

    public var modifier: Modifier?
    public var fullScanThreshold: Int?
    public var onDisk: Bool?
    /// Told, but without effect: values are stored and scored as float32.
    public var datatype: VectorDatatype?

    public init(
        modifier: Modifier? = nil, fullScanThreshold: Int? = nil, onDisk: Bool? = nil,
        datatype: VectorDatatype? = nil
    ) {
        self.modifier = modifier
        self.fullScanThreshold = fullScanThreshold
        self.onDisk = onDisk
        self.datatype = datatype
    }
}

/// How HNSW graphs are built (Malkov & Yashunin, "Efficient and robust approximate nearest
/// neighbor search using Hierarchical Navigable Small World graphs", 2018).
public struct HNSWConfiguration: Hashable, Sendable, Codable {
    /// Links per node above level 0; level 0 has 2·m. 0: no graph, searches scan exactly.
    public var m: Int
    /// Size of the candidate list during construction (the paper's efConstruction), at least 4.
    public var efConstruct: Int
    /// Kilobytes of vectors below which a segment is scanned exactly instead of through its graph.
    public var fullScanThreshold: Int
    public var maxIndexingThreads: Int
    public var onDisk: Bool?
    public var payloadM: Int?
    public var inlineStorage: Bool?

    public init(
        m: Int = 16, efConstruct: Int = 100, fullScanThreshold: Int = 10_000,
        maxIndexingThreads: Int = 0, onDisk: Bool? = nil, payloadM: Int? = nil,
        inlineStorage: Bool? = nil
    ) {
        self.m = m
        self.efConstruct = efConstruct
        self.fullScanThreshold = fullScanThreshold
        self.maxIndexingThreads = maxIndexingThreads
        self.onDisk = onDisk
        self.payloadM = payloadM
        self.inlineStorage = inlineStorage
    }

    /// These settings with the values that `change` names.
    public func applying(_ change: HNSWConfigurationChange?) -> HNSWConfiguration {
        guard let change else { return self }
        return HNSWConfiguration(
            m: change.m ?? m, efConstruct: change.efConstruct ?? efConstruct,
            fullScanThreshold: change.fullScanThreshold ?? fullScanThreshold,
            maxIndexingThreads: change.maxIndexingThreads ?? maxIndexingThreads,
            onDisk: change.onDisk ?? onDisk, payloadM: change.payloadM ?? payloadM,
            inlineStorage: change.inlineStorage ?? inlineStorage)
    }
}

/// Some of the settings of `HNSWConfiguration`; nil leaves a setting as it is.
public struct HNSWConfigurationChange: Hashable, Sendable, Codable {
    public var m: Int?
    public var efConstruct: Int?
    public var fullScanThreshold: Int?
    public var maxIndexingThreads: Int?
    public var onDisk: Bool?
    public var payloadM: Int?
    public var inlineStorage: Bool?

    public init(
        m: Int? = nil, efConstruct: Int? = nil, fullScanThreshold: Int? = nil,
        maxIndexingThreads: Int? = nil, onDisk: Bool? = nil, payloadM: Int? = nil,
        inlineStorage: Bool? = nil
    ) {
        self.m = m
        self.efConstruct = efConstruct
        self.fullScanThreshold = fullScanThreshold
        self.maxIndexingThreads = maxIndexingThreads
        self.onDisk = onDisk
        self.payloadM = payloadM
        self.inlineStorage = inlineStorage
    }
}

extension HNSWConfigurationChange {
    /// These settings with those that `later` names.
    package func merging(_ later: HNSWConfigurationChange) -> HNSWConfigurationChange {
        HNSWConfigurationChange(
            m: later.m ?? m, efConstruct: later.efConstruct ?? efConstruct,
            fullScanThreshold: later.fullScanThreshold ?? fullScanThreshold,
            maxIndexingThreads: later.maxIndexingThreads ?? maxIndexingThreads,
            onDisk: later.onDisk ?? onDisk, payloadM: later.payloadM ?? payloadM,
            inlineStorage: later.inlineStorage ?? inlineStorage)
    }
}

/// Background maintenance, in the wire API's words. Kept and given back.
public struct OptimizersConfiguration: Hashable, Sendable, Codable {
    public var deletedThreshold: Double = 0.2
    public var vacuumMinVectorNumber: Int = 1000
    public var defaultSegmentNumber: Int = 0
    public var maxSegmentSize: Int?
    public var memmapThreshold: Int?
    public var indexingThreshold: Int? = 10_000
    public var flushIntervalSeconds: Int = 5
    public var maxOptimizationThreads: Int?
    public var preventUnoptimized: Bool?
    /// Bytes of memory that the collection may use; nil: no bound. A setting of ours, in force.
    public var memoryBudgetBytes: Int?

    public init() {}
}

/// The wire API's write-ahead-log settings. Kept and given back, but for `durability`.
public struct WALConfiguration: Hashable, Sendable, Codable {
    public var capacityMegabytes: Int = 32
    public var segmentsAhead: Int = 0
    public var retainClosed: Int = 1
    /// A setting of ours, in force; nil: as `CollectionConfiguration.durability` says.
    public var durability: Durability?

    public init() {}
}

extension CollectionConfiguration {
    /// What the acknowledgement of a write promises; `.sync` where nothing else was said.
    public var durability: Durability {
        get { wal.durability ?? .sync }
        set { wal.durability = newValue }
    }
}

/// Compressed copies of vectors, in the wire API's words: which codes segment files have of a field
/// (docs/protocol.md, "Quantization").
public enum QuantizationConfiguration: Hashable, Sendable, Codable {
    case scalar(quantile: Float?, alwaysRAM: Bool?)
    case product(compression: ProductCompression, alwaysRAM: Bool?)
    case binary(alwaysRAM: Bool?, encoding: String?, queryEncoding: String?)
    case turbo(alwaysRAM: Bool?, bits: String?)
}

public enum ProductCompression: String, Hashable, Sendable, Codable {
    case x4, x8, x16, x32, x64
}

/// What `Collection.update` may change; nil leaves a setting as it is.
public struct CollectionConfigurationChange: Hashable, Sendable {
    public struct VectorChange: Hashable, Sendable {
        public var hnsw: HNSWConfigurationChange?
        public var quantization: QuantizationChange?
        public var onDisk: Bool?

        public init(
            hnsw: HNSWConfigurationChange? = nil, quantization: QuantizationChange? = nil,
            onDisk: Bool? = nil
        ) {
            self.hnsw = hnsw
            self.quantization = quantization
            self.onDisk = onDisk
        }
    }

    public enum QuantizationChange: Hashable, Sendable {
        case set(QuantizationConfiguration)
        case disabled
    }

    /// Some of the settings of `OptimizersConfiguration`.
    public struct OptimizersChange: Hashable, Sendable {
        public var deletedThreshold: Double?
        public var vacuumMinVectorNumber: Int?
        public var defaultSegmentNumber: Int?
        public var maxSegmentSize: Int?
        public var memmapThreshold: Int?
        public var indexingThreshold: Int?
        public var flushIntervalSeconds: Int?
        public var maxOptimizationThreads: Int?
        public var preventUnoptimized: Bool?
        /// 0: no bound.
        public var memoryBudgetBytes: Int?

        public init() {}
    }

    public var vectors: [String: VectorChange] = [:]
    public var sparseVectors: [String: SparseVectorConfiguration] = [:]
    public var hnsw: HNSWConfigurationChange?
    public var optimizers: OptimizersChange?
    public var quantization: QuantizationChange?
    public var strictMode: [String: JSONValue]?
    public var metadata: Payload?
    public var replicationFactor: Int?
    public var writeConsistencyFactor: Int?
    public var readFanOutFactor: Int?
    public var onDiskPayload: Bool?
    public var durability: Durability?

    public init() {}
}

extension OptimizersConfiguration {
    /// These settings with the values that `change` names.
    public func applying(
        _ change: CollectionConfigurationChange.OptimizersChange?
    ) -> OptimizersConfiguration {
        guard let change else { return self }
        var result = self
        if let value = change.deletedThreshold { result.deletedThreshold = value }
        if let value = change.vacuumMinVectorNumber { result.vacuumMinVectorNumber = value }
        if let value = change.defaultSegmentNumber { result.defaultSegmentNumber = value }
        if let value = change.maxSegmentSize { result.maxSegmentSize = value }
        if let value = change.memmapThreshold { result.memmapThreshold = value }
        if let value = change.indexingThreshold { result.indexingThreshold = value }
        if let value = change.flushIntervalSeconds { result.flushIntervalSeconds = value }
        if let value = change.maxOptimizationThreads { result.maxOptimizationThreads = value }
        if let value = change.preventUnoptimized { result.preventUnoptimized = value }
        if let value = change.memoryBudgetBytes {
            result.memoryBudgetBytes = value == 0 ? nil : value
        }
        return result
    }
}
