import ApusConnectors
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus pipeline status`: what the last run says of itself.
struct PipelineStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how far the last run of a pipeline is, as JSON.",
        discussion: """
            The run renews it every second. "state" is running, finished, stopped or failed; a run \
            that was killed stays "running", with a process that is gone. Times are milliseconds \
            since 1970, "lag" is the number of records that wait in the source, where it says so.
            """)

    @Argument(help: ArgumentHelp("The pipeline.", valueName: "file"))
    var file: String

    func run() async throws {
        let pipeline = try PipelineFile.reading(file)
        let environment = ProcessInfo.processInfo.environment
        let status = StatusFile(forPipelineAt: file, environment: environment).read()
        guard let status else {
            throw Failure("pipeline \(pipeline.name) has not run here")
        }
        print(try StatusReport.json(status))
    }
}

enum StatusReport {
    static func json(_ status: PipelineStatus) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(status), as: UTF8.self)
    }
}
