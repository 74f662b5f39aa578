internal import ApusCore

extension CollectionConfiguration {
    private static let dimensionMax = 65_536

    /// Throws `.validation` that names the first setting out of its range.
    func validate() throws {
        for (name, field) in vectors {
            try Self.check(
                "vectors.\(name.isEmpty ? "" : name + ".")size", field.dimension,
                in: 1...Self.dimensionMax)
            try validate(hnsw.applying(field.hnsw), at: "vectors.\(name).hnsw_config")
            if let ivf = field.ivf { try Self.validate(ivf, of: field, named: name) }
            if sparseVectors[name] != nil {
                throw DatabaseError(
                    .validation,
                    "Validation error: vector name `\(name)` is both dense and sparse")
            }
        }
        try validate(hnsw, at: "hnsw_config")
        if case .async(let delay) = durability {
            try Self.check(
                "wal_config.durability.\(Durability.delayName)", delay,
                in: Durability.delayMillisecondsBounds)
        }
        if let budget = optimizers.memoryBudgetBytes {
            try Self.check("optimizers_config.memory_budget_bytes", budget, in: 1...Int.max)
        }
        if let size = optimizers.maxSegmentSize {
            try Self.check("optimizers_config.max_segment_size", size, in: 0...Int.max >> 11)
        }
        if let strictMode { _ = try StrictMode(strictMode) }
        try Self.check("shard_number", shardNumber, in: 1...Int.max)
        try Self.check("replication_factor", replicationFactor, in: 1...Int.max)
        try Self.check("write_consistency_factor", writeConsistencyFactor, in: 1...Int.max)
    }

    private static func validate(
        _ ivf: IVFConfiguration, of field: DenseVectorConfiguration, named name: String
    ) throws {
        let path = "vectors.\(name.isEmpty ? "" : name + ".")ivf"
        if let lists = ivf.lists { try check("\(path).lists", lists, in: 1...65_536) }
        if let parts = ivf.parts { try check("\(path).parts", parts, in: 4...256) }
        if let probes = ivf.probes { try check("\(path).probes", probes, in: 1...65_536) }
        guard ivf.bits == 4 || ivf.bits == 8 else {
            throw DatabaseError(
                .validation,
                "Validation error: [\(path).bits: value \(ivf.bits) invalid, must be 4 or 8]")
        }
        guard field.metric != .manhattan, !field.isMultiVector else {
            throw DatabaseError(
                .validation,
                "Validation error: [\(path): there is no IVF index "
                    + (field.isMultiVector ? "of multi-vectors]" : "for Manhattan distances]"))
        }
    }

    private func validate(_ hnsw: HNSWConfiguration, at path: String) throws {
        try Self.check("\(path).m", hnsw.m, in: 0...512)
        try Self.check("\(path).ef_construct", hnsw.efConstruct, in: 4...10_000)
        try Self.check("\(path).full_scan_threshold", hnsw.fullScanThreshold, in: 0...Int.max >> 11)
    }

    private static func check(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws {
        guard !range.contains(value) else { return }
        let bound =
            value < range.lowerBound
            ? "\(range.lowerBound) or larger" : "\(range.upperBound) or smaller"
        throw DatabaseError(
            .validation, "Validation error: [\(name): value \(value) invalid, must be \(bound)]")
    }

    /// These settings with what `change` names; throws for a vector name that is not there.
    func applying(_ change: CollectionConfigurationChange) throws -> CollectionConfiguration {
        var result = self
        for (name, vector) in change.vectors {
            guard var field = result.vectors[name] else {
                throw DatabaseError.vectorNameNotFound(name)
            }
            if let hnsw = vector.hnsw { field.hnsw = field.hnsw?.merging(hnsw) ?? hnsw }
            switch vector.quantization {
            case .set(let quantization): field.quantization = quantization
            case .disabled: field.quantization = nil
            case nil: break
            }
            if let onDisk = vector.onDisk { field.onDisk = onDisk }
            result.vectors[name] = field
        }
        for (name, sparse) in change.sparseVectors {
            guard result.sparseVectors[name] != nil else {
                throw DatabaseError.vectorNameNotFound(name)
            }
            result.sparseVectors[name] = sparse
        }
        result.hnsw = hnsw.applying(change.hnsw)
        result.optimizers = optimizers.applying(change.optimizers)
        switch change.quantization {
        case .set(let quantization): result.quantization = quantization
        case .disabled: result.quantization = nil
        case nil: break
        }
        if let value = change.strictMode {
            result.strictMode = (strictMode ?? [:]).merging(value) { $1 }
        }
        if let value = change.metadata { result.metadata = (metadata ?? [:]).merging(value) { $1 } }
        if let value = change.replicationFactor { result.replicationFactor = value }
        if let value = change.writeConsistencyFactor { result.writeConsistencyFactor = value }
        if let value = change.readFanOutFactor { result.readFanOutFactor = value }
        if let value = change.onDiskPayload { result.onDiskPayload = value }
        if let value = change.durability { result.durability = value }
        try result.validate()
        return result
    }
}
