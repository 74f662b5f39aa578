import ApusPipeline
import ApusText

/// Texts as vectors on the server, for clients that send `Document`s and have no model themselves.
enum TextModels {
    /// Made when the first text comes. The table is part of the program, so that it can be read is
    /// known since it was built.
    private static let staticEmbedder = try? StaticEmbedder()

    /// `apus-static` takes some ten microseconds a text; it needs nothing installed.
    static func register() {
        DenseModels.register("apus-static", version: { staticEmbedder?.model.version }) {
            staticEmbedder?.vector(of: $0) ?? []
        }
    }
}
