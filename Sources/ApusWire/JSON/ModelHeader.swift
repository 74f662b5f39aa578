package import ApusCore

/// Our own extension of the interface: a header of requests, over both protocols, that says which
/// models their vectors come from. A request whose collection has vectors of others is refused.
package enum ModelHeader {
    package static let name = "apus-model"

    package static func declaration(
        from text: String
    ) throws(DatabaseError) -> ModelDeclaration {
        try ModelDeclaration(text: text, in: "header \(name)")
    }
}
