import ApusConnectors
import ArgumentParser

/// `apus pipeline check`: whether a file is in order, and what it would do.
struct PipelineCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Say what a pipeline would do, or what is wrong with its file.",
        discussion: "Reads the file only: no source, embedder or collection is touched.")

    @Argument(help: ArgumentHelp("The pipeline.", valueName: "file"))
    var file: String

    func run() async throws {
        let pipeline = try PipelineFile.reading(file)
        print("pipeline \(pipeline.name)")
        for (stage, text) in pipeline.explanation { print("  \(stage): \(text)") }
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
