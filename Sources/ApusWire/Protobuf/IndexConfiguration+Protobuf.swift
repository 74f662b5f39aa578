// Graph and maintenance settings: as changes when they come in, complete when they go out.

package import ApusCore
package import ApusProto

extension HNSWConfigurationChange {
    package init(_ message: Qdrant_HnswConfigDiff) {
        self.init(
            m: message.hasM ? Int(count: message.m) : nil,
            efConstruct: message.hasEfConstruct ? Int(count: message.efConstruct) : nil,
            fullScanThreshold: message.hasFullScanThreshold
                ? Int(count: message.fullScanThreshold) : nil,
            maxIndexingThreads: message.hasMaxIndexingThreads
                ? Int(count: message.maxIndexingThreads) : nil,
            onDisk: message.isOnDisk,
            payloadM: message.hasPayloadM ? Int(count: message.payloadM) : nil,
            inlineStorage: message.hasInlineStorage ? message.inlineStorage : nil)
    }
}

extension Qdrant_HnswConfigDiff {
    init(_ configuration: HNSWConfiguration) {
        self.init(
            HNSWConfigurationChange(
                m: configuration.m, efConstruct: configuration.efConstruct,
                fullScanThreshold: configuration.fullScanThreshold,
                maxIndexingThreads: configuration.maxIndexingThreads,
                onDisk: configuration.onDisk ?? false, payloadM: configuration.payloadM,
                inlineStorage: configuration.inlineStorage))
    }

    init(_ change: HNSWConfigurationChange) {
        self.init()
        if let value = change.m { m = UInt64(count: value) }
        if let value = change.efConstruct { efConstruct = UInt64(count: value) }
        if let value = change.fullScanThreshold { fullScanThreshold = UInt64(count: value) }
        if let value = change.maxIndexingThreads { maxIndexingThreads = UInt64(count: value) }
        if let value = change.onDisk { onDisk = value }
        if let value = change.payloadM { payloadM = UInt64(count: value) }
        if let value = change.inlineStorage { inlineStorage = value }
    }
}

extension CollectionConfigurationChange.OptimizersChange {
    package init(_ message: Qdrant_OptimizersConfigDiff) {
        self.init()
        if message.hasDeletedThreshold { deletedThreshold = message.deletedThreshold }
        if message.hasVacuumMinVectorNumber {
            vacuumMinVectorNumber = Int(count: message.vacuumMinVectorNumber)
        }
        if message.hasDefaultSegmentNumber {
            defaultSegmentNumber = Int(count: message.defaultSegmentNumber)
        }
        if message.hasMaxSegmentSize { maxSegmentSize = Int(count: message.maxSegmentSize) }
        if message.hasMemmapThreshold { memmapThreshold = Int(count: message.memmapThreshold) }
        if message.hasIndexingThreshold {
            indexingThreshold = Int(count: message.indexingThreshold)
        }
        if message.hasFlushIntervalSec {
            flushIntervalSeconds = Int(count: message.flushIntervalSec)
        }
        if message.hasDeprecatedMaxOptimizationThreads {
            maxOptimizationThreads = Int(count: message.deprecatedMaxOptimizationThreads)
        }
        if case .value(let count) = message.maxOptimizationThreads.variant {
            maxOptimizationThreads = Int(count: count)
        }
        if message.hasPreventUnoptimized { preventUnoptimized = message.preventUnoptimized }
    }
}

extension Qdrant_OptimizersConfigDiff {
    init(_ configuration: OptimizersConfiguration) {
        self.init()
        deletedThreshold = configuration.deletedThreshold
        vacuumMinVectorNumber = UInt64(count: configuration.vacuumMinVectorNumber)
        defaultSegmentNumber = UInt64(count: configuration.defaultSegmentNumber)
        if let value = configuration.maxSegmentSize { maxSegmentSize = UInt64(count: value) }
        if let value = configuration.memmapThreshold { memmapThreshold = UInt64(count: value) }
        if let value = configuration.indexingThreshold { indexingThreshold = UInt64(count: value) }
        flushIntervalSec = UInt64(count: configuration.flushIntervalSeconds)
        if let value = configuration.maxOptimizationThreads {
            deprecatedMaxOptimizationThreads = UInt64(count: value)
            maxOptimizationThreads.value = UInt64(count: value)
        }
        if let value = configuration.preventUnoptimized { preventUnoptimized = value }
    }
}
