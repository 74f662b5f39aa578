import ApusConnectors
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus changes`: what becomes of a collection, carried to where others read it.
struct Changes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Carry the changes of a collection to Kafka or to files.",
        discussion: """
            DESTINATION is
              kafka:HOST:PORT/TOPIC  a message a point, with the point's id as its key
              jsonl:DIR              files of JSON lines
              parquet:DIR            Parquet files

            A destination that has nothing begins with the collection as it is, or behind the version \
            that --after says; later runs go on where it is. docs/integrations.md says what is written \
            and what is promised.

            Examples:
              apus changes --collection docs --url grpc://localhost:6334 --follow \\
                --to kafka:localhost:9092/docs
              apus changes --collection docs --data ./data --to parquet:./changes --with-vectors
            """)

    @Option(help: "Name of the collection.")
    var collection: String

    @OptionGroup
    var place: DatabasePlace

    @Option(help: ArgumentHelp("Where changes go.", valueName: "destination"))
    var to: ChangeDestination

    @Flag(help: "Go on with what comes, until the process is stopped.")
    var follow = false

    @Option(help: ArgumentHelp("Begin behind this version, 0 for all changes.", valueName: "lsn"))
    var after: UInt64?

    @Flag(help: "Begin anew with a snapshot where the next changes are not kept any more.")
    var snapshotIfGone = false

    @Flag(help: "With the vectors of points.")
    var withVectors = false

    @Option(help: ArgumentHelp("A file ends with so many bytes.", valueName: "bytes"))
    var rollBytes: ByteCountArgument?

    @Option(help: ArgumentHelp("A file ends so many seconds after its start.", valueName: "s"))
    var rollSeconds = 60

    @Flag(help: "To Kafka: deletions are messages without a value.")
    var tombstones = false

    @Option(
        help: ArgumentHelp(
            "To Kafka: the consumer group that keeps the place (default: apus-changes.COLLECTION).",
            valueName: "name"))
    var group: String?

    @Option(
        help: ArgumentHelp(
            "To Kafka: a setting of librdkafka; its value may be env:NAME or file:PATH.",
            valueName: "name=value"))
    var property: [String] = []

    func validate() throws {
        guard !(follow && place.data != nil) else {
            throw ValidationError(
                "--follow needs a server: nobody else writes to a database that this process has "
                    + "open")
        }
        try Checked.inRange("--roll-seconds", rollSeconds, 1...86_400)
        for text in property where !text.contains("=") {
            throw ValidationError("--property must be NAME=VALUE, and is '\(text)'")
        }
    }

    func run() async throws {
        if let data = place.data {
            guard FileManager.default.fileExists(atPath: "\(data)/APUS") else {
                throw Failure("\(data): not a database", exitCode: 2)
            }
            let target = try LocalTarget(directory: data, collection: collection)
            do {
                try await run(from: target)
            } catch {
                try? target.close()
                throw error
            }
            try target.close()
        } else if let address = place.address {
            try await RemoteTarget.withConnection(
                to: address, collection: collection,
                apiKey: place.key
            ) { target in try await run(from: target) }
        }
    }

    private func run(from origin: any ChangeOrigin & Sendable) async throws {
        // Says so when there is no such collection, before anything is made.
        _ = try await origin.vectorFields()
        let sink = try sink(of: origin)
        do {
            try await ChangeRun(
                origin: origin, sink: sink, destination: to.description, follow: follow,
                after: after, snapshotIfGone: snapshotIfGone
            ).run()
        } catch {
            await sink.close()
            throw error
        }
        await sink.close()
    }

    private func sink(of origin: any ChangeOrigin & Sendable) throws -> any ChangeSink {
        switch to {
        case .lines(let path): return try folder(path, isParquet: false, origin)
        case .parquet(let path): return try folder(path, isParquet: true, origin)
        case .kafka(let brokers, let topic):
            var settings = KafkaChanges.Settings(
                brokers: brokers, topic: topic, group: group ?? "apus-changes.\(collection)",
                withVectors: withVectors, tombstones: tombstones)
            for text in property {
                let parts = text.split(separator: "=", maxSplits: 1)
                guard let name = parts.first else { continue }
                settings.properties[String(name)] = Reference(
                    parts.count == 2 ? String(parts[1]) : "", place: "--property \(name)")
            }
            return KafkaChanges(settings)
        }
    }

    private func folder(
        _ path: String, isParquet: Bool, _ origin: any ChangeOrigin & Sendable
    ) throws -> any ChangeSink {
        var settings = ChangeFolder.Settings(
            path: path, isParquet: isParquet, withVectors: withVectors)
        if let rollBytes { settings.bytesMax = rollBytes.bytes }
        settings.timeMax = .seconds(rollSeconds)
        return try ChangeFolder(settings) { try await origin.vectorFields() }
    }
}
