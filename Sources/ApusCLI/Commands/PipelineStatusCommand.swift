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

            Where the collection is a server's, "position" is how far the server has the source, \
            whichever machine ran the pipeline.
            """)

    @Argument(help: ArgumentHelp("The pipeline.", valueName: "file"))
    var file: String

    @Flag(help: "Show the positions of all pipelines of the collection instead (of a server).")
    var all = false

    @Flag(
        help: ArgumentHelp(
            "Delete the position: the next run reads the source from its start (of a server)."))
    var forget = false

    func validate() throws {
        if all, forget { throw ValidationError("--all and --forget exclude each other") }
    }

    func run() async throws {
        let pipeline = try PipelineFile.reading(file)
        let environment = ProcessInfo.processInfo.environment
        let status = StatusFile(forPipelineAt: file, environment: environment).read()
        guard case .server(let url, let key) = pipeline.collection.place else {
            guard !all, !forget else {
                throw Failure(
                    "\(file): the collection is in a directory, whose positions nothing but a run "
                        + "reads; 'run --start-over' reads the source from its start", exitCode: 2)
            }
            guard let status else { throw notRun(pipeline) }
            return print(try StatusReport.json(status))
        }
        guard let address = ServerAddress(url) else {
            throw Failure("\(file): '\(url)' is no address of a server", exitCode: 2)
        }
        try await RemoteTarget.withConnection(
            to: address, collection: pipeline.collection.name, apiKey: try key?.value()
        ) { target in
            if all {
                var members: [String: Any] = [:]
                for position in try await target.positions() {
                    members[position.pipeline] = StatusReport.value(position.position)
                }
                return print(try StatusReport.json(members))
            }
            if forget {
                guard try await target.deletePosition(of: pipeline.name) else {
                    throw Failure("pipeline \(pipeline.name) has no position at \(address)")
                }
                return
            }
            try await print(StatusReport.json(report(pipeline, status, target)))
        }
    }

    /// The last run that was here, if there was one, and how far the server is, if it says so.
    private func report(
        _ pipeline: PipelineFile, _ status: PipelineStatus?, _ target: RemoteTarget
    ) async throws -> [String: Any] {
        var members = try status.map { try StatusReport.members($0) } ?? [:]
        do {
            let position = try await target.position(of: pipeline.name)
            if !position.isEmpty { members["position"] = StatusReport.value(position) }
        } catch {
            guard status != nil else { throw error }
            StandardError.write(line: "no position: \(Failure.text(of: error))")
        }
        guard !members.isEmpty else { throw notRun(pipeline) }
        members["pipeline"] = pipeline.name
        return members
    }

    private func notRun(_ pipeline: PipelineFile) -> Failure {
        Failure("pipeline \(pipeline.name) has not run here")
    }
}

enum StatusReport {
    static func json(_ status: PipelineStatus) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(status), as: UTF8.self)
    }

    static func json(_ members: [String: Any]) throws -> String {
        let data = try JSONSerialization.data(
            withJSONObject: members,
            options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return String(decoding: data, as: UTF8.self)
    }

    static func members(_ status: PipelineStatus) throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: JSONEncoder().encode(status))
        return value as? [String: Any] ?? [:]
    }

    /// A position as JSON; one that is none, as the text that it is.
    static func value(_ position: String) -> Any {
        let data = Data(position.utf8)
        return (try? JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed))
            ?? position
    }
}
