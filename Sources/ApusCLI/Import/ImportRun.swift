import Apus
import ApusConnectors
import ApusCore
import ApusPipeline
import ArgumentParser
import Foundation

/// Where an import goes, and how.
struct ImportOptions: ParsableArguments {
    @Option(help: "Name of the collection here (default: as it is called there).")
    var into: String?

    @Option(
        help: ArgumentHelp("Directory of a database that no server has open.", valueName: "dir"))
    var data: String?

    @Option(help: ArgumentHelp("Address of a server: grpc://HOST:PORT.", valueName: "url"))
    var to: String?

    @Option(help: "Points of a page.")
    var batchSize = 500

    @Option(
        help: "Share of the nearest points that searches for sampled ones must find at the end.")
    var recallMin = 0.9

    func validate() throws {
        guard (data == nil) != (to == nil) else {
            throw ValidationError("Give one of --data DIR and --to grpc://HOST:PORT")
        }
        if let to, ServerAddress(to) == nil {
            throw ValidationError("--to must be like grpc://localhost:6334, and is '\(to)'")
        }
        try Checked.inRange("--batch-size", batchSize, 1...10_000)
        guard (0...1).contains(recallMin) else {
            throw ValidationError("--recall-min must be from 0 to 1, and is \(recallMin)")
        }
    }

    /// A key of another system, from the environment or a file.
    static func key(_ place: String?) throws -> String? {
        try place.map { place in
            let reference = Reference(place, place: "--key-from")
            return try reference.isElsewhere
                ? reference.value() : Reference("env:\(place)", place: "--key-from").value()
        }
    }
}

/// Takes over a collection of another system: settings, then points page by page, each page with its
/// position, so that a run that was cut off goes on.
struct ImportRun {
    let source: any PointImport
    let name: String
    let options: ImportOptions

    func run() async throws {
        let retry = Retry()
        let body = try await retry.run { try await source.settings() }
        let configuration = try ImportedSettings.configuration(body)
        let collection = options.into ?? name
        if let data = options.data {
            let target = try LocalTarget(directory: data, collection: collection)
            do {
                if !target.database.hasCollection(collection) {
                    try target.database.createCollection(collection, configuration)
                }
                // Also where an earlier run was cut off right behind the collection.
                if try await target.count() == 0 {
                    let made = try target.database.collection(collection)
                    for index in try await retry.run({ try await source.payloadIndexes() }) {
                        let request = try ImportedSettings.payloadIndex(index)
                        try made.createPayloadIndex(request.field, request.schema)
                    }
                }
                try await copy(into: target, target)
            } catch {
                try? target.close()
                throw error
            }
            try target.close()
        } else if let to = options.to, let address = ServerAddress(to) {
            let key = ProcessInfo.processInfo.environment["APUS_API_KEY"]
            try await RemoteTarget.withConnection(
                to: address, collection: collection, apiKey: key
            ) { target in
                let isNew = try await target.create(configuration)
                let sink = RemotePipelineSink(
                    target, address: address.description, pipeline: source.identity,
                    isNew: isNew)
                try await copy(into: sink, target)
            }
        }
    }

    private func copy(
        into sink: some PipelineSink, _ target: some ImportTarget
    ) async throws {
        let retry = Retry()
        let expected = try await retry.run { try await source.count() }
        var position = try await sink.position(of: source.identity)
        if position != nil { StandardError.write(line: "went on behind an earlier run's points") }
        var sample = ImportSample()
        var copied = 0
        let start = ContinuousClock.now
        while true {
            let behind = position
            let page = try await retry.run {
                try await source.page(behind: behind, limit: options.batchSize)
            }
            guard let page else { break }
            guard page.position != behind else {
                throw Failure("the source goes round in circles behind \(page.position.jsonText)")
            }
            let change = SinkChange(
                upserts: page.points, pipeline: source.identity, position: page.position)
            try await retry.run { try await sink.write(change) }
            position = page.position
            copied += page.points.count
            for point in page.points { sample.offer(point) }
        }
        let found = try await target.count()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        StandardError.write(
            line: "\(copied) points in \(ProgressDisplay.clock(.seconds(seconds)))")
        guard found == expected else {
            throw Failure("the collection has \(found) points, and the source \(expected)")
        }
        print("collection '\(options.into ?? name)' has \(found) points, as the source has")
        // Where all was there already, some of what the source has now.
        if copied == 0 {
            for point in try await retry.run({ try await source.page(behind: nil, limit: 100) })?
                .points ?? []
            { sample.offer(point) }
        }
        print(try await sample.check(target, recallMin: options.recallMin))
    }
}
