package import ApusCore

/// What the wire tells about a collection, whatever protocol it goes over.
package struct CollectionDescription: Sendable {
    package enum Status: String, Hashable, Sendable {
        case green, yellow, grey, red
    }

    package var status: Status
    /// nil: maintenance works as it should.
    package var optimizerError: String?
    package var pointsCount: Int
    package var indexedVectorsCount: Int
    package var segmentsCount: Int
    package var configuration: CollectionConfiguration
    package var payloadSchema: [(field: PayloadPath, schema: PayloadFieldSchema, points: Int)]
    /// What only we tell; clients pass over it.
    package var details: CollectionDetails?

    package init(
        status: Status, optimizerError: String? = nil, pointsCount: Int,
        indexedVectorsCount: Int, segmentsCount: Int, configuration: CollectionConfiguration,
        payloadSchema: [(field: PayloadPath, schema: PayloadFieldSchema, points: Int)] = [],
        details: CollectionDetails? = nil
    ) {
        self.status = status
        self.optimizerError = optimizerError
        self.pointsCount = pointsCount
        self.indexedVectorsCount = indexedVectorsCount
        self.segmentsCount = segmentsCount
        self.configuration = configuration
        self.payloadSchema = payloadSchema
        self.details = details
    }
}

extension JSONWriter {
    package mutating func write(_ description: CollectionDescription) {
        beginObject()
        member("status", description.status.rawValue)
        key("optimizer_status")
        if let error = description.optimizerError {
            beginObject()
            member("error", error)
            endObject()
        } else {
            write("ok")
        }
        member("indexed_vectors_count", description.indexedVectorsCount)
        member("points_count", description.pointsCount)
        member("segments_count", description.segmentsCount)
        key("config")
        write(description.configuration)
        key("payload_schema")
        beginObject()
        for entry in description.payloadSchema {
            key(entry.field.description)
            write(entry.schema, points: entry.points)
        }
        endObject()
        if let details = description.details {
            key("apus")
            write(details, points: description.pointsCount)
        }
        endObject()
    }

    package mutating func write(_ configuration: CollectionConfiguration) {
        beginObject()
        key("params")
        writeParams(configuration)
        key("hnsw_config")
        write(configuration.hnsw)
        key("optimizer_config")
        write(configuration.optimizers)
        key("wal_config")
        write(configuration.wal)
        key("quantization_config")
        if let quantization = configuration.quantization {
            write(quantization)
        } else {
            writeNull()
        }
        if let strictMode = configuration.strictMode {
            key("strict_mode_config")
            write(strictMode)
        }
        if let metadata = configuration.metadata {
            key("metadata")
            write(metadata)
        }
        endObject()
    }

    private mutating func writeParams(_ configuration: CollectionConfiguration) {
        beginObject()
        key("vectors")
        write(vectorFields: configuration.vectors)
        member("shard_number", configuration.shardNumber)
        member("sharding_method", configuration.shardingMethod?.rawValue)
        member("replication_factor", configuration.replicationFactor)
        member("write_consistency_factor", configuration.writeConsistencyFactor)
        member("read_fan_out_factor", configuration.readFanOutFactor)
        member("on_disk_payload", configuration.onDiskPayload)
        if !configuration.sparseVectors.isEmpty {
            key("sparse_vectors")
            beginObject()
            for (name, field) in configuration.sparseVectors.sorted(by: { $0.key < $1.key }) {
                key(name)
                write(field)
            }
            endObject()
        }
        endObject()
    }

    /// Of a collection that has only the unnamed field its parameters, else a map.
    private mutating func write(vectorFields fields: [String: DenseVectorConfiguration]) {
        if fields.count == 1, let field = fields[defaultVectorName] {
            write(field)
            return
        }
        beginObject()
        for (name, field) in fields.sorted(by: { $0.key < $1.key }) {
            key(name)
            write(field)
        }
        endObject()
    }

    package mutating func write(_ field: DenseVectorConfiguration) {
        beginObject()
        member("size", field.dimension)
        member("distance", field.metric.wireName)
        if let hnsw = field.hnsw {
            key("hnsw_config")
            write(hnsw)
        }
        if let quantization = field.quantization {
            key("quantization_config")
            write(quantization)
        }
        member("on_disk", field.onDisk)
        member("datatype", field.datatype?.rawValue)
        if field.isMultiVector {
            key("multivector_config")
            beginObject()
            member("comparator", "max_sim")
            endObject()
        }
        if let ivf = field.ivf {
            key("ivf")
            beginObject()
            member("lists", ivf.lists)
            member("parts", ivf.parts)
            member("bits", ivf.bits)
            member("probes", ivf.probes)
            if ivf.spills { member("spill", true) }
            endObject()
        }
        endObject()
    }

    package mutating func write(_ field: SparseVectorConfiguration) {
        beginObject()
        if field.fullScanThreshold != nil || field.onDisk != nil || field.datatype != nil {
            key("index")
            beginObject()
            member("full_scan_threshold", field.fullScanThreshold)
            member("on_disk", field.onDisk)
            member("datatype", field.datatype?.rawValue)
            endObject()
        }
        member("modifier", field.modifier?.rawValue)
        endObject()
    }
}
