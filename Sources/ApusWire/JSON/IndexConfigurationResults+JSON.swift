package import ApusCore

// How the settings of indexes and maintenance are written: those that always have a value always,
// the others as the interface has them, null or left out.

extension JSONWriter {
    package mutating func write(_ hnsw: HNSWConfiguration) {
        beginObject()
        member("m", hnsw.m)
        member("ef_construct", hnsw.efConstruct)
        member("full_scan_threshold", hnsw.fullScanThreshold)
        member("max_indexing_threads", hnsw.maxIndexingThreads)
        member("on_disk", hnsw.onDisk)
        member("payload_m", hnsw.payloadM)
        member("inline_storage", hnsw.inlineStorage)
        endObject()
    }

    package mutating func write(_ change: HNSWConfigurationChange) {
        beginObject()
        member("m", change.m)
        member("ef_construct", change.efConstruct)
        member("full_scan_threshold", change.fullScanThreshold)
        member("max_indexing_threads", change.maxIndexingThreads)
        member("on_disk", change.onDisk)
        member("payload_m", change.payloadM)
        member("inline_storage", change.inlineStorage)
        endObject()
    }

    package mutating func write(_ optimizers: OptimizersConfiguration) {
        beginObject()
        member("deleted_threshold", optimizers.deletedThreshold)
        member("vacuum_min_vector_number", optimizers.vacuumMinVectorNumber)
        member("default_segment_number", optimizers.defaultSegmentNumber)
        nullable("max_segment_size", optimizers.maxSegmentSize)
        nullable("memmap_threshold", optimizers.memmapThreshold)
        nullable("indexing_threshold", optimizers.indexingThreshold)
        member("flush_interval_sec", optimizers.flushIntervalSeconds)
        nullable("max_optimization_threads", optimizers.maxOptimizationThreads)
        member("prevent_unoptimized", optimizers.preventUnoptimized)
        member("memory_budget_bytes", optimizers.memoryBudgetBytes)
        endObject()
    }

    package mutating func write(_ wal: WALConfiguration) {
        beginObject()
        member("wal_capacity_mb", wal.capacityMegabytes)
        member("wal_segments_ahead", wal.segmentsAhead)
        member("wal_retain_closed", wal.retainClosed)
        key("durability")
        write(wal.durability ?? .sync)
        endObject()
    }

    package mutating func write(_ durability: Durability) {
        switch durability {
        case .sync: write(Durability.syncName)
        case .async(let delay):
            beginObject()
            member(Durability.delayName, delay)
            endObject()
        }
    }

    private mutating func nullable(_ name: String, _ value: Int?) {
        key(name)
        if let value { write(value) } else { writeNull() }
    }
}
