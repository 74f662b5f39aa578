package import ApusCore

/// What a request to create a collection asks for.
package struct NewCollection: Hashable, Sendable {
    package var configuration: CollectionConfiguration
    /// nil: it says none.
    package var card: CollectionCard?

    package init(
        configuration: CollectionConfiguration = CollectionConfiguration(),
        card: CollectionCard? = nil
    ) {
        self.configuration = configuration
        self.card = card
    }
}
