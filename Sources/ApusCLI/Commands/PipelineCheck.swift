import Apus
import ApusConnectors
import ApusCore
import ArgumentParser

/// `apus pipeline check`: whether a file is in order, and what it would do.
struct PipelineCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what a pipeline would do, or what is wrong with its file.",
        discussion: """
            Changes nothing: reads the file, and the collection's card, which must not say that its \
            vectors come from another model than the pipeline's.
            """)

    @Argument(help: ArgumentHelp("The pipeline.", valueName: "file"))
    var file: String

    func run() async throws {
        let pipeline = try PipelineFile.reading(file)
        print("pipeline \(pipeline.name)")
        for (stage, text) in pipeline.explanation { print("  \(stage): \(text)") }
        let model: CollectionCard.Model?
        let card: CollectionCard?
        do {
            model = try pipeline.embedder.card()
            card = try await pipeline.collection.storedCard()
        } catch {
            print("  card: not looked at: \(Failure.text(of: error))")
            return
        }
        let field = pipeline.collection.field
        guard let model else {
            return print("  card: not held to: nothing says where the vectors come from")
        }
        do throws(DatabaseError) {
            try card?.check(model.name, of: field, in: pipeline.collection.name)
        } catch {
            throw Failure("\(file): \(error.message)")
        }
        print(
            card?.models[field] == nil
                ? "  card: has no model yet; a field without vectors gets \(model.name)"
                : "  card: agrees, \(model.name)")
    }
}

extension CollectionDeclaration {
    /// nil: there is no such collection, or it has no card.
    fileprivate func storedCard() async throws -> CollectionCard? {
        switch place {
        case .directory(let path):
            return try Database.storedCard(ofCollection: name, in: path)
        case .server(let url, let key):
            guard let address = ServerAddress(url) else {
                throw Failure("'\(url)' is no address of a server")
            }
            return try await RemoteTarget.withConnection(
                to: address, collection: name, apiKey: try key?.value()
            ) { target in
                try await target.exists() ? try await target.card()?.card : nil
            }
        }
    }
}

extension PipelineFile {
    /// The file's pipeline; what is wrong with it is exit code 2.
    static func reading(_ path: String) throws -> PipelineFile {
        do throws(DeclarationProblem) { return try PipelineFile(path: path) } catch {
            throw Failure(error.description, exitCode: 2)
        }
    }
}
