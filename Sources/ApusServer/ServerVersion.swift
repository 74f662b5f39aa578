/// What a server says about itself over both protocols.
package struct ServerVersion: Sendable {
    package let title = "apus - vector database"
    /// The level of the wire interface that clients compare with their own.
    package let interface = "1.19.0"
    /// Our own release.
    package let apus = "0.1.0"

    package static let current = ServerVersion()
}
