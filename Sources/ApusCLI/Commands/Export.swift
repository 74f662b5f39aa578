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

    @OptionGroup
    var place: DatabasePlace

    @Option(help: ArgumentHelp("x.jsonl, x.npy or x.parquet.", valueName: "file"))
    var output: String

    @Option(help: "The vector field of x.npy (default: the unnamed one).")
    var field = defaultVectorName

    private static let pageSize = 500

    func validate() throws {
        guard [".npy", ".jsonl", ".parquet"].contains(where: output.hasSuffix) else {
            throw ValidationError(
                "--output must end in .npy, .jsonl or .parquet, and is '\(output)'")
        }
    }

    func run() async throws {
        if let data = place.data {
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
        } else if let address = place.address {
            try await RemoteTarget.withConnection(
                to: address, collection: collection,
                apiKey: place.key
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
