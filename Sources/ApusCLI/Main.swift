import ArgumentParser

/// The program `apus`.
@main
struct ApusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apus",
        abstract: "A vector database: serve it, fill it, measure it, look into it.",
        discussion: """
            Start a server on ./data, load vectors into it, and search:

              apus serve --data ./data
              apus ingest --collection docs --vectors docs.npy \\
                --payload docs.jsonl.gz --url grpc://localhost:6334
              curl localhost:6333/collections/docs/points/query \\
                -H 'content-type: application/json' \\
                -d '{"query": 7, "limit": 3, "with_payload": true}'

            A database is a directory. Only one process at a time may open it: ingest with --url \
            while a server runs, with --data while none does.

            Every command ends with 0 when it did what was asked, 1 when it failed, and 2 when it \
            was called wrongly.
            """,
        version: Version.text,
        subcommands: [
            Serve.self, IngestCommand.self, Pipeline.self, Import.self, Export.self, Changes.self,
            Demo.self, Embed.self, Model.self, Card.self, Bench.self, Explain.self, Inspect.self,
            Check.self, Repair.self, Snapshot.self, Restore.self, BuildSegment.self, Attach.self,
            Settings.self,
        ])

    /// Runs the command that the arguments name. An error is one line on standard error.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: ExitCode(report(error)))
        }
    }

    /// Tells the error, or the help that was asked for, and returns the program's exit code.
    private static func report(_ error: any Error) -> Int32 {
        switch exitCode(for: error) {
        case .success:
            print(fullMessage(for: error))
            return 0
        case .validationFailure:
            let message = fullMessage(for: error)
            let label = "Error: "
            StandardError.write(
                line: "apus: "
                    + (message.hasPrefix(label) ? message.dropFirst(label.count) : message[...]))
            return 2
        default:
            if let code = error as? ExitCode { return code.rawValue }
            StandardError.write(line: "apus: \(Failure.text(of: error))")
            return (error as? Failure)?.exitCode ?? 1
        }
    }
}
