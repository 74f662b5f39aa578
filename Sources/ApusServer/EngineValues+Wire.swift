package import Apus
import ApusCore
package import ApusWire

// The wire's values and the engine's are apart, because neither module knows the other; this is
// where they meet, for both protocols.

extension CollectionDescription {
    package init(_ info: CollectionInfo) {
        let status: Status =
            switch info.status {
            case .green: .green
            case .yellow: .yellow
            case .red: .red
            }
        self.init(
            status: status, optimizerError: info.failure ?? info.maintenanceFailure,
            pointsCount: info.pointsCount,
            indexedVectorsCount: info.indexedVectorsCount, segmentsCount: info.segmentsCount,
            configuration: info.configuration,
            payloadSchema: info.payloadSchema.map { ($0.field, $0.schema, $0.points) },
            details: CollectionDetails(
                version: info.sequenceNumber, durability: info.durability, usage: info.usage,
                pinnedVersions: info.pinnedVersions, pinnedMemoryBytes: info.pinnedMemoryBytes,
                memoryBudgetBytes: info.configuration.optimizers.memoryBudgetBytes,
                fieldsKeptMapped: info.fieldsKeptMapped, card: info.card))
    }
}

extension VectorField {
    package init(_ field: NewVectorField) {
        switch field {
        case .dense(let field): self = .dense(field)
        case .sparse(let field): self = .sparse(field)
        }
    }
}

extension AliasChange {
    package init(_ action: AliasAction) {
        switch action {
        case .create(let alias, let collection):
            self = .create(alias: alias, collection: collection)
        case .delete(let alias): self = .delete(alias: alias)
        case .rename(let from, let to): self = .rename(from: from, to: to)
        }
    }
}
