// The vector fields of a collection.

package import ApusCore
package import ApusProto

extension DenseVectorConfiguration {
    /// The unnamed field is `""`; no config means no dense fields.
    package static func byName(
        _ message: Qdrant_VectorsConfig
    ) throws(DatabaseError) -> [String: DenseVectorConfiguration] {
        switch message.config {
        case .params(let params): return [defaultVectorName: try Self(params)]
        case .paramsMap(let fields):
            var result: [String: DenseVectorConfiguration] = [:]
            for (name, params) in fields.map { result[name] = try Self(params) }
            return result
        case nil: return [:]
        }
    }

    private init(_ message: Qdrant_VectorParams) throws(DatabaseError) {
        self.init(
            dimension: Int(count: message.size),
            metric: try Metric(message.distance),
            hnsw: message.hasHnswConfig ? HNSWConfigurationChange(message.hnswConfig) : nil,
            quantization: message.hasQuantizationConfig
                ? try QuantizationConfiguration(message.quantizationConfig) : nil,
            onDisk: message.isOnDisk,
            datatype: message.hasDatatype ? try VectorDatatype(message.datatype) : nil,
            isMultiVector: message.hasMultivectorConfig)
    }
}

extension SparseVectorConfiguration {
    package static func byName(
        _ message: Qdrant_SparseVectorConfig
    ) throws(DatabaseError) -> [String: SparseVectorConfiguration] {
        var result: [String: SparseVectorConfiguration] = [:]
        for (name, params) in message.map { result[name] = try Self(params) }
        return result
    }

    private init(_ message: Qdrant_SparseVectorParams) throws(DatabaseError) {
        let index = message.index
        self.init(
            modifier: message.hasModifier ? (message.modifier == .idf ? .idf : Modifier.none) : nil,
            fullScanThreshold: index.hasFullScanThreshold
                ? Int(count: index.fullScanThreshold) : nil,
            onDisk: index.isOnDisk,
            datatype: index.hasDatatype ? try VectorDatatype(index.datatype) : nil)
    }
}

extension NewVectorField {
    package init(_ message: Qdrant_CreateVectorNameRequest) throws(DatabaseError) {
        switch message.vectorConfig {
        case .denseConfig(let dense):
            self = .dense(
                DenseVectorConfiguration(
                    dimension: Int(count: dense.size), metric: try Metric(dense.distance),
                    datatype: dense.hasDatatype ? try VectorDatatype(dense.datatype) : nil,
                    isMultiVector: dense.hasMultivectorConfig))
        case .sparseConfig(let sparse):
            self = .sparse(
                SparseVectorConfiguration(
                    modifier: sparse.hasModifier
                        ? (sparse.modifier == .idf ? .idf : SparseVectorConfiguration.Modifier.none)
                        : nil,
                    datatype: sparse.hasDatatype ? try VectorDatatype(sparse.datatype) : nil))
        case nil: throw .wrongInput("A new vector field is neither dense nor sparse")
        }
    }
}

extension Metric {
    init(_ message: Qdrant_Distance) throws(DatabaseError) {
        switch message {
        case .cosine: self = .cosine
        case .euclid: self = .euclid
        case .dot: self = .dot
        case .manhattan: self = .manhattan
        case .unknownDistance, .UNRECOGNIZED:
            throw .wrongInput(
                "A vector field must have a distance: Cosine, Euclid, Dot or Manhattan")
        }
    }
}

extension Qdrant_Distance {
    package init(_ metric: Metric) {
        self =
            switch metric {
            case .cosine: .cosine
            case .euclid: .euclid
            case .dot: .dot
            case .manhattan: .manhattan
            }
    }
}

extension VectorDatatype {
    /// nil for the default.
    init?(_ message: Qdrant_Datatype) throws(DatabaseError) {
        switch message {
        case .default: return nil
        case .float32: self = .float32
        case .float16: self = .float16
        case .uint8: self = .uint8
        case .turbo4: self = .turbo4
        case .UNRECOGNIZED(let value):
            throw .wrongInput("There is no vector datatype with the number \(value)")
        }
    }
}

extension Qdrant_VectorsConfig {
    init(_ fields: [String: DenseVectorConfiguration]) {
        self.init()
        if fields.count == 1, let only = fields[defaultVectorName] {
            params = Qdrant_VectorParams(only)
        } else {
            paramsMap.map = fields.mapValues { Qdrant_VectorParams($0) }
        }
    }
}

extension Qdrant_VectorParams {
    fileprivate init(_ field: DenseVectorConfiguration) {
        self.init()
        size = UInt64(count: field.dimension)
        distance = Qdrant_Distance(field.metric)
        if let value = field.hnsw { hnswConfig = Qdrant_HnswConfigDiff(value) }
        if let value = field.quantization { quantizationConfig = Qdrant_QuantizationConfig(value) }
        if let value = field.onDisk { onDisk = value }
        if let value = field.datatype { datatype = Qdrant_Datatype(value) }
        if field.isMultiVector { multivectorConfig.comparator = .maxSim }
    }
}

extension Qdrant_SparseVectorParams {
    init(_ field: SparseVectorConfiguration) {
        self.init()
        switch field.modifier {
        case .idf: modifier = .idf
        case .some(.none): modifier = .none
        case nil: break
        }
        if field.fullScanThreshold != nil || field.onDisk != nil || field.datatype != nil {
            index = Qdrant_SparseIndexConfig()
        }
        if let value = field.fullScanThreshold { index.fullScanThreshold = UInt64(count: value) }
        if let value = field.onDisk { index.onDisk = value }
        if let value = field.datatype { index.datatype = Qdrant_Datatype(value) }
    }
}

extension Qdrant_Datatype {
    fileprivate init(_ datatype: VectorDatatype) {
        switch datatype {
        case .float32: self = .float32
        case .float16: self = .float16
        case .uint8: self = .uint8
        case .turbo4: self = .turbo4
        }
    }
}
