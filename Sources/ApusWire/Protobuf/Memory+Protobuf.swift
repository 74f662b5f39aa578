// Where data lives. The older messages say it by a flag, `on_disk` or `always_ram`; 1.19 adds
// `memory`, which wins when both are there. `ApusCore` knows the flags only.

import ApusProto

protocol OnDiskField {
    var hasOnDisk: Bool { get }
    var onDisk: Bool { get }
    var hasMemory: Bool { get }
    var memory: Qdrant_Memory { get }
}

extension OnDiskField {
    /// nil when the message says nothing.
    var isOnDisk: Bool? { (hasMemory ? memory.isOnDisk : nil) ?? (hasOnDisk ? onDisk : nil) }
}

extension Qdrant_VectorParams: OnDiskField {}
extension Qdrant_VectorParamsDiff: OnDiskField {}
extension Qdrant_HnswConfigDiff: OnDiskField {}
extension Qdrant_SparseIndexConfig: OnDiskField {}

protocol AlwaysRAMField {
    var hasAlwaysRam: Bool { get }
    var alwaysRam: Bool { get }
    var hasMemory: Bool { get }
    var memory: Qdrant_Memory { get }
}

extension AlwaysRAMField {
    /// nil when the message says nothing.
    var inMemory: Bool? {
        (hasMemory ? memory.isOnDisk.map { !$0 } : nil) ?? (hasAlwaysRam ? alwaysRam : nil)
    }
}

extension Qdrant_ScalarQuantization: AlwaysRAMField {}
extension Qdrant_ProductQuantization: AlwaysRAMField {}
extension Qdrant_BinaryQuantization: AlwaysRAMField {}
extension Qdrant_TurboQuantization: AlwaysRAMField {}

extension Qdrant_Memory {
    /// nil for the unknown value.
    var isOnDisk: Bool? {
        switch self {
        case .cold: true
        case .cached, .pinned: false
        case .unknown, .UNRECOGNIZED: nil
        }
    }
}
