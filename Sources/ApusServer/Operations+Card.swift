import Apus
package import ApusCore

/// Which models made the vectors of a collection (docs/adr/0035).
extension Operations {
    /// The card, if there is one, and what was measured of the recall in any case.
    package func card(
        of name: String
    ) async throws -> (card: CollectionCard?, recall: MeasuredRecall) {
        try await authorize(.read, name)
        return try await database.perform { [database] in
            let collection = try database.collection(name)
            return (collection.card, try collection.measuredRecall())
        }
    }

    /// Returns the card as it is then.
    /// - Parameter ifEmpty: only models of fields that have no vectors yet, beside what the card says
    ///   already (`Collection.adoptModels`); otherwise in its place.
    package func setCard(
        _ card: CollectionCard, ifEmpty: Bool, of name: String
    ) async throws -> CollectionCard? {
        try await authorize(.manage, name)
        return try await database.perform { [database] in
            let collection = try database.collection(name)
            return ifEmpty
                ? try collection.adoptModels(card.models) : try collection.setCard(card)
        }
    }

    /// Whether there was one.
    package func deleteCard(of name: String) async throws -> Bool {
        try await authorize(.manage, name)
        return try await database.perform { [database] in
            let collection = try database.collection(name)
            guard collection.card != nil else { return false }
            try collection.setCard(nil)
            return true
        }
    }
}
