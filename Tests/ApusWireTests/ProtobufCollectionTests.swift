import ApusCore
import ApusProto
import ApusWire
import Testing

@Suite struct ProtobufCollectionTests {
    /// Reading back the description of a collection as if it were a request to create one.
    private func recreated(
        _ configuration: CollectionConfiguration
    ) throws -> CollectionConfiguration {
        let config = Qdrant_CollectionConfig(configuration)
        return try CollectionConfiguration(
            Qdrant_CreateCollection.with {
                $0.vectorsConfig = config.params.vectorsConfig
                $0.sparseVectorsConfig = config.params.sparseVectorsConfig
                $0.hnswConfig = config.hnswConfig
                $0.optimizersConfig = config.optimizerConfig
                $0.walConfig = config.walConfig
                if config.hasQuantizationConfig {
                    $0.quantizationConfig = config.quantizationConfig
                }
                if config.hasStrictModeConfig { $0.strictModeConfig = config.strictModeConfig }
                $0.metadata = config.metadata
                $0.shardNumber = config.params.shardNumber
                $0.replicationFactor = config.params.replicationFactor
                $0.writeConsistencyFactor = config.params.writeConsistencyFactor
                $0.onDiskPayload = config.params.onDiskPayload
                if config.params.hasShardingMethod {
                    $0.shardingMethod = config.params.shardingMethod
                }
            })
    }

    @Test func aMinimalCollectionKeepsItsDefaults() throws {
        let request = Qdrant_CreateCollection.with {
            $0.vectorsConfig.params.size = 4
            $0.vectorsConfig.params.distance = .cosine
        }
        #expect(
            try CollectionConfiguration(request)
                == CollectionConfiguration(dimension: 4, metric: .cosine))
        let config = Qdrant_CollectionConfig(try CollectionConfiguration(request))
        #expect(config.params.vectorsConfig.params.size == 4)
        #expect(config.hnswConfig.m == 16 && config.hnswConfig.efConstruct == 100)
        #expect(config.optimizerConfig.hasIndexingThreshold && config.params.onDiskPayload)
    }

    @Test func everySettingIsGivenBack() throws {
        var configuration = CollectionConfiguration(
            vectors: [
                "a": DenseVectorConfiguration(
                    dimension: 65_536, metric: .manhattan,
                    hnsw: HNSWConfigurationChange(m: 0, onDisk: true, payloadM: 16),
                    quantization: .binary(
                        alwaysRAM: true, encoding: "two_bits", queryEncoding: "scalar8bits"),
                    onDisk: true, datatype: .float16, isMultiVector: true),
                "b": DenseVectorConfiguration(
                    dimension: 1, metric: .euclid,
                    quantization: .product(compression: .x16, alwaysRAM: nil)),
                "c": DenseVectorConfiguration(
                    dimension: 2, metric: .dot,
                    quantization: .turbo(alwaysRAM: false, bits: "bits1_5")),
            ],
            sparseVectors: [
                "s": SparseVectorConfiguration(
                    modifier: .idf, fullScanThreshold: 7, onDisk: true, datatype: .uint8),
                "t": SparseVectorConfiguration(),
            ],
            hnsw: HNSWConfiguration(
                m: 8, efConstruct: 50, fullScanThreshold: 1, maxIndexingThreads: 2, onDisk: true,
                payloadM: 4, inlineStorage: true),
            quantization: .scalar(quantile: 0.99, alwaysRAM: true),
            strictMode: [
                "enabled": true, "max_query_limit": 5, "search_max_oversampling": 1.5,
                "multivector_config": ["a": ["max_vectors": 3]],
                "sparse_config": ["s": ["max_length": 9]],
            ],
            metadata: ["owner": ["name": "x"]], shardNumber: 2, shardingMethod: .custom,
            replicationFactor: 3, writeConsistencyFactor: 2, onDiskPayload: false)
        configuration.optimizers.memmapThreshold = 20_000
        configuration.optimizers.indexingThreshold = 0
        configuration.optimizers.maxOptimizationThreads = 4
        configuration.optimizers.preventUnoptimized = true
        configuration.wal.capacityMegabytes = 1
        #expect(try recreated(configuration) == configuration)
    }

    @Test func memorySpeaksForTheOlderFlags() throws {
        let request = Qdrant_CreateCollection.with {
            $0.vectorsConfig.params.size = 4
            $0.vectorsConfig.params.distance = .dot
            $0.vectorsConfig.params.memory = .cold
            $0.vectorsConfig.params.onDisk = false
            $0.payload.memory = .pinned
            $0.quantizationConfig.scalar.type = .int8
            $0.quantizationConfig.scalar.memory = .pinned
        }
        let configuration = try CollectionConfiguration(request)
        #expect(configuration.vectors[defaultVectorName]?.onDisk == true)
        #expect(!configuration.onDiskPayload)
        #expect(configuration.quantization == .scalar(quantile: nil, alwaysRAM: true))
    }

    @Test func changesTouchOnlyWhatTheyName() throws {
        let change = try CollectionConfigurationChange(
            Qdrant_UpdateCollection.with {
                $0.optimizersConfig.indexingThreshold = 0
                $0.vectorsConfig.params.quantizationConfig.disabled = Qdrant_Disabled()
                $0.params.replicationFactor = 2
            })
        #expect(change.optimizers?.indexingThreshold == 0)
        #expect(change.optimizers?.memmapThreshold == nil)
        #expect(change.vectors[defaultVectorName]?.quantization == .disabled)
        #expect(change.hnsw == nil && change.replicationFactor == 2)
    }

    @Test func settingsThatMakeNoSenseAreRefused() {
        let fields: [Qdrant_VectorParams] = [
            .with { $0.size = 4 },
            .with {
                $0.size = 4
                $0.distance = .UNRECOGNIZED(99)
            },
            .with {
                $0.distance = .dot
                $0.datatype = .UNRECOGNIZED(99)
            },
            .with {
                $0.distance = .dot
                $0.quantizationConfig = Qdrant_QuantizationConfig()
            },
            .with {
                $0.distance = .dot
                $0.quantizationConfig.scalar.type = .int8
                $0.quantizationConfig.scalar.quantile = 7
            },
        ]
        for field in fields {
            #expect(throws: DatabaseError.self) {
                try CollectionConfiguration(
                    Qdrant_CreateCollection.with { $0.vectorsConfig.params = field })
            }
        }
        #expect(throws: DatabaseError.self) {
            try CollectionConfiguration(Qdrant_CreateCollection.with { $0.shardNumber = 0 })
        }
    }

    @Test(arguments: [
        PayloadFieldSchema(type: .keyword, parameters: ["is_tenant": true, "memory": "cold"]),
        PayloadFieldSchema(type: .integer, parameters: ["lookup": true, "range": false]),
        PayloadFieldSchema(type: .float, parameters: ["is_principal": true]),
        PayloadFieldSchema(type: .geo, parameters: ["on_disk": true]),
        PayloadFieldSchema(type: .bool, parameters: [:]),
        PayloadFieldSchema(type: .datetime, parameters: ["enable_hnsw": false]),
        PayloadFieldSchema(type: .uuid, parameters: ["is_tenant": false]),
        PayloadFieldSchema(
            type: .text,
            parameters: [
                "tokenizer": "word", "lowercase": true, "min_token_len": 2, "max_token_len": 20,
                "phrase_matching": true, "stemmer": ["type": "snowball", "language": "english"],
                "stopwords": ["languages": ["english"], "custom": ["foo"]],
            ]),
    ])
    func indexParametersAreGivenBack(schema: PayloadFieldSchema) throws {
        let info = Qdrant_PayloadSchemaInfo(schema, points: 3)
        #expect(info.points == 3)
        let request = Qdrant_CreateFieldIndexCollection.with {
            $0.fieldName = "f"
            $0.fieldIndexParams = info.params
        }
        #expect(try PayloadFieldSchema(request) == schema)
    }

    @Test func aTypeAloneMakesAnIndexWithoutParameters() throws {
        let request = Qdrant_CreateFieldIndexCollection.with { $0.fieldType = .datetime }
        #expect(try PayloadFieldSchema(request) == PayloadFieldSchema(type: .datetime))
        #expect(!Qdrant_PayloadSchemaInfo(PayloadFieldSchema(type: .datetime), points: 0).hasParams)
        #expect(throws: DatabaseError.self) {
            try PayloadFieldSchema(Qdrant_CreateFieldIndexCollection())
        }
    }
}
