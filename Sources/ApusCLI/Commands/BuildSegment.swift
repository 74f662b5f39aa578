import Apus
import ApusCore
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus build-segment`: sealed segments of a file, anywhere.
struct BuildSegment: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "build-segment",
        abstract: "Build segments of a collection from a file, without a database or a server.",
        discussion: """
            The folder gets everything that a collection would have made of the points: vectors, \
            graphs or lists, codes, payload and its indexes; and segments.json, which names the \
            settings, the files and their checksums and is written last. `apus attach` adds such \
            folders to a collection. The same points in the same order build the same segments.

            \(SourceOptions.discussion)

            Examples:
              apus settings --data ./data --collection docs > docs.settings.json
              apus build-segment --settings docs.settings.json \\
                --vectors part-0.parquet --output segments/part-0
              apus build-segment --metric l2 --vectors sift.fvecs --output segments/sift
            """)

    @Option(
        help: ArgumentHelp(
            "Settings of the collection, as `apus settings` prints them.", valueName: "file"))
    var settings: String?

    @OptionGroup
    var source: SourceOptions

    @Option(help: ArgumentHelp("The folder to make.", valueName: "dir"))
    var output: String

    @Option(help: "How vectors are compared, without --settings (default: cosine).")
    var metric: MetricArgument?

    @Option(
        help: ArgumentHelp(
            "Payload fields with an index, without --settings.", valueName: "field:type,…"))
    var index: IndexedFieldList?

    @Option(help: "Threads that build the indexes (default: one a processor).")
    var threads: Int?

    @Option(help: "Points that are read at a time.")
    var batchSize = 1_000

    func validate() throws {
        guard settings == nil || metric == nil && index == nil else {
            throw ValidationError("--settings says it all: --metric and --index go without it")
        }
        if let threads { try Checked.inRange("--threads", threads, 1...1_024) }
        try Checked.inRange("--batch-size", batchSize, 1...100_000)
    }

    func run() async throws {
        do { try await build() } catch let error as DatabaseError { throw error.plain }
    }

    private func build() async throws {
        let file = try source.source()
        let fields = try await source.open(file).fields
        var engine = EngineConfiguration()
        if let threads { engine.indexThreads = threads }
        let builder = try SegmentBuilder(
            in: output,
            settings: try chosenSettings(for: fields).declaring(try source.models(of: fields)),
            engine: engine)
        var options = Ingest.Options()
        options.batchSize = batchSize
        // One after the other, so that rows lie in the order of the file.
        options.window = 1
        options.limit = source.limit
        let display = ProgressDisplay()
        do {
            _ = try await Ingest(options).run(
                from: { try await source.open(file) }, into: BuilderSink(builder: builder),
                report: display.show)
            display.end()
        } catch {
            display.end()
            builder.cancel()
            throw error
        }
        StandardError.write(line: "building the index")
        let result = try builder.finish()
        print(
            "\(output) id=\(result.id) points=\(result.pointCount) "
                + "segments=\(result.segmentCount) bytes=\(result.byteCount)")
    }

    private func chosenSettings(for fields: [ApusPipeline.VectorField]) throws -> SegmentSettings {
        guard let settings else {
            let indexes = index?.fields ?? []
            return SegmentSettings(
                CollectionShape.configuration(for: fields, metric?.metric),
                payloadIndexes: Dictionary(
                    indexes.map { ($0.path, $0.schema) }, uniquingKeysWith: { $1 }))
        }
        let text: Data
        do {
            text = try Data(contentsOf: URL(filePath: settings))
        } catch {
            throw Failure("\(settings): \(error.localizedDescription)", exitCode: 2)
        }
        let chosen = try SegmentSettings(decoding: [UInt8](text), from: settings)
        try CollectionShape.check(settings, chosen.configuration, takes: fields, nil)
        return chosen
    }
}

private struct BuilderSink: PointSink {
    let builder: SegmentBuilder

    func write(_ points: [Point]) async throws { try await builder.add(points) }

    /// Only a run that goes on asks, and builds begin anew.
    func count(of ids: [PointID]) async throws -> Int { 0 }
}

/// `apus settings`: what segments for a collection are built by.
struct Settings: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the settings of a collection, for `apus build-segment`.",
        discussion: """
            Only the collection's manifest is read, so a server may have the database open.

            Example:
              apus settings --data ./data --collection docs > docs.settings.json
            """)

    @Option(help: "Name of the collection.")
    var collection: String

    @Option(help: ArgumentHelp("Directory of a database.", valueName: "dir"))
    var data: String

    func run() throws {
        let settings = try Failure.telling {
            try Database.segmentSettings(of: collection, inDatabaseAt: data)
        }
        print(String(decoding: try settings.encoded(), as: UTF8.self), terminator: "")
    }
}
