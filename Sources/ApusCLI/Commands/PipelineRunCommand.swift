import Apus
import ApusConnectors
import ApusCore
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus pipeline run`: brings a collection up to its source.
struct PipelineRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a pipeline to the end of its source, or on and on.",
        discussion: """
            Progress goes to standard error, a summary as JSON to standard output. SIGINT and \
            SIGTERM end the run in order; it goes on where it stopped when it is started again.
            """)

    @Argument(help: ArgumentHelp("The pipeline.", valueName: "file"))
    var file: String

    @Flag(help: "Read the source from its start, whatever an earlier run has read.")
    var startOver = false

    @Flag(help: "End with the source, also where the file says to follow it.")
    var once = false

    func run() async throws {
        let pipeline = try PipelineFile.reading(file)
        let embedder = try pipeline.embedder.embedder()
        let fields = [
            ApusPipeline.VectorField(
                name: pipeline.collection.field,
                kind: .dense(dimension: pipeline.embedder.dimension(of: embedder)))
        ]
        let models = pipeline.models(of: embedder)
        switch pipeline.collection.place {
        case .directory(let path):
            let target = try LocalTarget(directory: path, collection: pipeline.collection.name)
            do {
                _ = try await target.prepare(fields, pipeline.collection.metric)
                try await target.adopt(models)
                try await run(pipeline, embedder, into: target)
            } catch {
                try? target.close()
                throw error
            }
            try target.close()
        case .server(let url, let key):
            guard let address = ServerAddress(url) else {
                throw Failure("\(file): '\(url)' is no address of a server", exitCode: 2)
            }
            try await RemoteTarget.withConnection(
                to: address, collection: pipeline.collection.name, apiKey: try key?.value(),
                models: models
            ) { target in
                let isNew = try await target.prepare(fields, pipeline.collection.metric)
                try await target.adopt(models)
                let sink = RemotePipelineSink(
                    target, address: address.description, pipeline: pipeline.name,
                    isNew: isNew)
                try await run(pipeline, embedder, into: sink)
            }
        }
    }

    private func run(
        _ pipeline: PipelineFile, _ embedder: (any Embedder)?, into sink: some PipelineSink
    ) async throws {
        var options = pipeline.options
        options.startOver = startOver
        if once { options.follow = nil }
        let tokenizer = try pipeline.embedder.tokenizer(of: embedder)
        let monitor = PipelineMonitor()
        let cache = try pipeline.cache?.cache()
        let work = PipelineRun(
            name: pipeline.name, origin: pipeline.source.origin, mapping: pipeline.mapping,
            chunker: pipeline.chunks.map { Chunker($0, tokenizer: tokenizer) },
            chunkSignature: pipeline.chunks?.explanation ?? "",
            embedder: embedder.map {
                ReliableEmbedder(
                    cached($0, cache, monitor), retry: options.retry,
                    textsMax: pipeline.textsPerRequest)
            },
            field: pipeline.collection.field, sink: sink,
            deadLetters: DeadLetterFile(path: pipeline.deadLetters), options: options,
            monitor: monitor)
        try await WatchedRun(work, file: file).run()
    }

    private func cached(
        _ embedder: any Embedder, _ cache: (any VectorCache)?, _ monitor: PipelineMonitor
    ) -> any Embedder {
        cache.map { CachedEmbedder(embedder, $0, monitor: monitor) } ?? embedder
    }
}

extension PipelineFile {
    /// What its vectors come from, by vector field; empty: nobody knows.
    fileprivate func models(of embedder: (any Embedder)?) -> [String: CollectionCard.Model] {
        self.embedder.card(of: embedder).map { [collection.field: $0] } ?? [:]
    }
}
