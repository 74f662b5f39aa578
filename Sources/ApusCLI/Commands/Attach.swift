import Apus
import ApusConnectors
import ApusCore
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus attach`: adds built segments to a collection.
struct Attach: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add folders of built segments to a collection, all or none.",
        discussion: """
            The folders are those of `apus build-segment`. Their points become visible in the same \
            moment; points that are there already are replaced, and of a point in several folders \
            the one in the last of them stays. A folder that the collection has already is left \
            out, so the command may be repeated.

            With --url the folders are named as the server sees them, below its directory for built \
            segments (`storage.segments`).

            Standard output gets a line of JSON: attached and skipped (ids of builds), segments, \
            points, replaced, duplicates, version.

            Examples:
              apus attach --collection docs --data ./data segments/part-*
              apus attach --collection docs --url http://localhost:6333 part-0 part-1
            """)

    @Argument(help: ArgumentHelp("Folders of built segments, older ones first.", valueName: "dir"))
    var builds: [String]

    @Option(help: "Name of the collection.")
    var collection: String

    @Option(
        help: ArgumentHelp("Directory of a database that no server has open.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Address of a server: http://HOST:PORT.", valueName: "url"))
    var url: String?

    @Option(help: "What to do with points that the collection has: replace or fail.")
    var ifExists = ExistingPointsArgument.replace

    @Option(
        help: ArgumentHelp(
            "Key for the server (default: the environment's APUS_API_KEY).", valueName: "key"))
    var apiKey: String?

    func validate() throws {
        guard (data == nil) != (url == nil) else {
            throw ValidationError("Give one of --data DIR and --url http://HOST:PORT")
        }
        if let url, !url.hasPrefix("http://"), !url.hasPrefix("https://") {
            throw ValidationError("--url must be like http://localhost:6333, and is '\(url)'")
        }
        guard !builds.isEmpty else { throw ValidationError("Name at least one folder") }
    }

    func run() async throws {
        do {
            if let data { return try await attach(inDatabaseAt: data) }
            if let url { try await attach(onServerAt: url) }
        } catch let error as DatabaseError {
            throw error.plain
        }
    }

    private func attach(inDatabaseAt data: String) async throws {
        guard FileManager.default.fileExists(atPath: "\(data)/APUS") else {
            throw Failure("\(data): not a database", exitCode: 2)
        }
        let database = try Database.open(at: data)
        let report: AttachReport
        do {
            let folders = builds.map { URL(filePath: $0).standardizedFileURL.path }
            report = try await database.collection(collection).attach(
                folders, existing: ifExists.existing)
        } catch {
            try? database.close()
            throw error
        }
        try database.close()
        try AttachAnswer(report).tell()
    }

    private func attach(onServerAt url: String) async throws {
        var service = HTTPService(stage: "server", base: url)
        // Copying the files takes as long as they are large.
        service.timeout = .seconds(24 * 3_600)
        let key = apiKey ?? ProcessInfo.processInfo.environment["APUS_API_KEY"]
        if let key { service.headers.append((name: "api-key", value: key)) }
        let name =
            collection.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? collection
        let request = AttachRequest(builds: builds, existing: ifExists.rawValue)
        let answer = try await service.call(
            .post, "/apus/v1/collections/\(name)/segments/attach",
            body: [UInt8](try JSONEncoder().encode(request)))
        try JSONDecoder().decode(AttachEnvelope.self, from: Data(answer.body)).result.tell()
    }
}

private struct AttachRequest: Encodable {
    var builds: [String]
    var existing: String
}

private struct AttachEnvelope: Decodable {
    var result: AttachAnswer
}

/// What was attached, as the server and this command say it.
private struct AttachAnswer: Codable {
    var attached: [String]
    var skipped: [String]
    var segments: Int
    var points: Int
    var replaced: Int
    var duplicates: Int
    var version: UInt64

    init(_ report: AttachReport) {
        attached = report.attached
        skipped = report.skipped
        segments = report.segments
        points = report.points
        replaced = report.replaced
        duplicates = report.duplicates
        version = report.sequenceNumber.rawValue
    }

    func tell() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        print(String(decoding: try encoder.encode(self), as: UTF8.self))
    }
}

/// `--if-exists`.
enum ExistingPointsArgument: String, ExpressibleByArgument, CaseIterable {
    case replace
    case fail

    var existing: ExistingPoints { self == .fail ? .fail : .replace }
}
