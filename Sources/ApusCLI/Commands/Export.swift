import ApusCore
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus export`: a collection as files that other programs read.
struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write the points of a collection to files.",
        discussion: """
            OUTPUT    is
              x.jsonl  {"id": 7, "vector": [0.1, 0.2], "payload": {"y": 1}} a line, as `apus ingest` \
            reads it
              x.npy    the vectors of one field as float32 rows, and beside it x.jsonl with id and \
            payload of each row
              x.parquet  columns id, vector, vectors (a struct of named ones), payload (JSON), as \
            `apus ingest` reads them

            The points are those of one moment where the database is a directory.

            Examples:
              apus export --collection docs --data ./data --output docs.jsonl
              apus export --collection docs --url grpc://localhost:6334 --output docs.npy
            """)

    @Option(help: "Name of the collection.")
    var collection: String

    @Option(
        help: ArgumentHelp("Directory of a database that no server has open.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Address of a server: grpc://HOST:PORT.", valueName: "url"))
    var url: String?

    @Option(help: ArgumentHelp("x.jsonl, x.npy or x.parquet.", valueName: "file"))
    var output: String

    @Option(help: "The vector field of x.npy (default: the unnamed one).")
    var field = defaultVectorName

    private static let pageSize = 500

    func validate() throws {
        guard (data == nil) != (url == nil) else {
            throw ValidationError("Give one of --data DIR and --url grpc://HOST:PORT")
        }
        if let url, ServerAddress(url) == nil {
            throw ValidationError("--url must be like grpc://localhost:6334, and is '\(url)'")
        }
        guard [".npy", ".jsonl", ".parquet"].contains(where: output.hasSuffix) else {
            throw ValidationError(
                "--output must end in .npy, .jsonl or .parquet, and is '\(output)'")
        }
    }

    func run() async throws {
        if let data {
            let target = try LocalTarget(directory: data, collection: collection)
            do {
                let collection = try target.database.collection(collection)
                let version = collection.pinVersion()
                try await write(collection.configuration.fields) { start in
                    try await collection.scroll(
                        ScrollRequest(
                            offset: start, limit: Self.pageSize + 1, withVectors: .all,
                            version: .number(version))
                    ).points
                }
                collection.releaseVersion(version)
            } catch {
                try? target.close()
                throw error
            }
            try target.close()
        } else if let address = url.flatMap(ServerAddress.init) {
            try await RemoteTarget.withConnection(
                to: address, collection: collection,
                apiKey: ProcessInfo.processInfo.environment["APUS_API_KEY"]
            ) { target in
                try await write(try await target.vectorConfiguration().fields) { start in
                    try await target.records(from: start, limit: Self.pageSize + 1)
                }
            }
        }
    }

    /// Pages have a point more than wanted, which shows whether there is another one.
    private func write(
        _ fields: [VectorField], _ page: (PointID?) async throws -> [Record]
    ) async throws {
        var file = try PointFile(path: output, field: field, fields: fields)
        var start: PointID?
        repeat {
            var records = try await page(start)
            start = records.count > Self.pageSize ? records.removeLast().id : nil
            try file.write(records)
        } while start != nil
        try file.finish()
        print("\(file.count) points in \(output)")
    }
}
