package import ApusCore

extension HNSWConfigurationChange {
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        var memory: Bool?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "m": m = try reader.readOptionalCount()
            case "ef_construct":
                efConstruct = try reader.readOptionalCount(in: 4...JSONReader.countMax)
            case "full_scan_threshold":
                fullScanThreshold = try reader.readOptionalCount(in: 10...JSONReader.countMax)
            case "max_indexing_threads": maxIndexingThreads = try reader.readOptionalCount()
            case "on_disk": onDisk = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsOnDisk()
            case "payload_m": payloadM = try reader.readOptionalCount()
            case "inline_storage": inlineStorage = try reader.optional(Bool.init(reading:))
            default: try reader.skipValue()
            }
        }
        onDisk = memory ?? onDisk
    }
}

extension CollectionConfigurationChange.OptimizersChange {
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "deleted_threshold":
                deletedThreshold = try reader.optional { (reader) throws(JSONError) in
                    try reader.readDouble(in: 0.0...1.0, "from 0.0 to 1.0")
                }
            case "vacuum_min_vector_number":
                vacuumMinVectorNumber = try reader.readOptionalCount(in: 100...JSONReader.countMax)
            case "default_segment_number": defaultSegmentNumber = try reader.readOptionalCount()
            case "max_segment_size": maxSegmentSize = try reader.readLimit()
            case "memmap_threshold": memmapThreshold = try reader.readOptionalCount()
            case "indexing_threshold": indexingThreshold = try reader.readOptionalCount()
            case "flush_interval_sec": flushIntervalSeconds = try reader.readOptionalCount()
            case "max_optimization_threads":
                maxOptimizationThreads = try Self.readThreads(&reader)
            case "prevent_unoptimized":
                preventUnoptimized = try reader.optional(Bool.init(reading:))
            case "memory_budget_bytes": memoryBudgetBytes = try reader.readOptionalCount()
            default: try reader.skipValue()
            }
        }
    }

    /// A count, or "auto", which is what nil means.
    private static func readThreads(_ reader: inout JSONReader) throws(JSONError) -> Int? {
        guard try reader.peek() == .string else { return try reader.readOptionalCount() }
        _ = try reader.readName(["auto": true])
        return nil
    }
}

extension WALConfiguration {
    package init(reading reader: inout JSONReader) throws(JSONError) {
        self.init()
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "wal_capacity_mb":
                if let value = try reader.readLimit() { capacityMegabytes = value }
            case "wal_segments_ahead":
                if let value = try reader.readOptionalCount() { segmentsAhead = value }
            case "wal_retain_closed":
                if let value = try reader.readOptionalCount() { retainClosed = value }
            case "durability": durability = try reader.optional(Durability.init(reading:))
            default: try reader.skipValue()
            }
        }
    }
}

extension Durability {
    /// `"sync"` or `{"async_ms": 200}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        guard try reader.peek() == .object else {
            self = try reader.readName([Self.syncName: .sync])
            return
        }
        let start = reader.position()
        var delay: Int?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == Self.delayName {
                delay = try reader.readOptionalCount(in: Self.delayMillisecondsBounds)
            } else {
                try reader.skipValue()
            }
        }
        self = .async(
            maxDelayMilliseconds: try reader.require(delay, Self.delayName, ofObjectAt: start))
    }
}
