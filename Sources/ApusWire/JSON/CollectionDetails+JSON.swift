package import ApusCore

/// What a collection tells beyond the interface, under `result.apus` of its description.
package struct CollectionDetails: Sendable {
    package var version: SequenceNumber
    package var durability: Durability
    package var usage: StorageUsage
    package var pinnedVersions: [SequenceNumber]
    package var pinnedMemoryBytes: Int
    package var memoryBudgetBytes: Int?
    package var fieldsKeptMapped: [String]
    package var card: CollectionCard?

    package init(
        version: SequenceNumber, durability: Durability, usage: StorageUsage,
        pinnedVersions: [SequenceNumber], pinnedMemoryBytes: Int, memoryBudgetBytes: Int?,
        fieldsKeptMapped: [String], card: CollectionCard? = nil
    ) {
        self.version = version
        self.durability = durability
        self.usage = usage
        self.pinnedVersions = pinnedVersions
        self.pinnedMemoryBytes = pinnedMemoryBytes
        self.memoryBudgetBytes = memoryBudgetBytes
        self.fieldsKeptMapped = fieldsKeptMapped
        self.card = card
    }
}

extension JSONWriter {
    /// `bytes_per_vector` is what the points take on average, each with all of its vectors.
    mutating func write(_ details: CollectionDetails, points: Int) {
        beginObject()
        key("version")
        write(details.version.rawValue)
        key("durability")
        write(details.durability)
        let total = details.usage.total
        member("memory_bytes", total.memory)
        member("disk_bytes", total.disk)
        member("memory_budget_bytes", details.memoryBudgetBytes)
        key("bytes_per_vector")
        beginObject()
        for part in StorageUsage.Part.allCases {
            key(part.rawValue)
            write(details.usage[part], per: max(1, points))
        }
        key("total")
        write(total, per: max(1, points))
        endObject()
        key("pinned_versions")
        array(details.pinnedVersions) { $0.write($1.rawValue) }
        member("pinned_memory_bytes", details.pinnedMemoryBytes)
        key("kept_mapped")
        array(details.fieldsKeptMapped) { $0.write($1) }
        if let card = details.card {
            key("card")
            write(card)
        }
        endObject()
    }

    private mutating func write(_ bytes: StorageUsage.Bytes, per points: Int) {
        beginObject()
        member("memory", Self.tenths(bytes.memory, points))
        member("disk", Self.tenths(bytes.disk, points))
        endObject()
    }

    private static func tenths(_ bytes: Int, _ points: Int) -> Double {
        (Double(bytes) / Double(points) * 10).rounded() / 10
    }
}
