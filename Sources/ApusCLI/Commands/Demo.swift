import Apus
import ApusDocuments
import ApusPipeline
import ArgumentParser
import Foundation

/// `apus demo`: asks a folder of texts.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Ask a folder of texts a question: no server, no network, nothing to fetch.",
        discussion: """
            Reads the text files of a folder (.txt, .md, .html, .rst, .csv, .json), cuts them into \
            passages, and finds those that answer a question best, by meaning and by words \
            together. Meaning comes from vectors that are part of the program, or from a model \
            that `apus model fetch` brought (--model), which is better and slower.

            Without --ask it reads questions from standard input, a line each.

            Examples:
              apus demo docs --ask "What survives a crash?"
              apus demo docs --ask "What survives a crash?" --json
              apus demo docs --data ./data        # keep the database; `apus serve` can serve it

            --json prints one object on one line, and nothing else:
              {"results": [{"offset", "score", "source", "text"}, …]}
            where offset counts bytes in the file `source`.
            """)

    @Argument(help: ArgumentHelp("Folder of texts, or one file.", valueName: "dir"))
    var directory: String

    @Option(help: ArgumentHelp("The question.", valueName: "question"))
    var ask: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @Option(help: "Passages to show.")
    var limit = 5

    @Option(
        help: ArgumentHelp(
            "Folder of a model, in place of the vectors in the program.", valueName: "dir"))
    var model: String?

    @Option(
        help: ArgumentHelp(
            "Keep the database here (default: a temporary directory).", valueName: "dir"))
    var data: String?

    func validate() throws {
        try Checked.inRange("--limit", limit, 1...1000)
        if let ask, ask.allSatisfy(\.isWhitespace) {
            throw ValidationError("--ask is empty: ask something")
        }
        if json, ask == nil { throw ValidationError("--json needs --ask") }
    }

    func run() async throws {
        let folder = try DocumentFolder(path: directory)
        guard !folder.files.isEmpty else {
            throw Failure("\(directory): no text files (.txt, .md, .html, .rst, .csv, .json)")
        }
        let scratch = data == nil ? try ScratchFolder() : nil
        defer { scratch?.remove() }
        let database = try Self.open(data, scratch)
        do {
            try await answer(folder, in: database)
        } catch {
            try? database.close()
            throw error
        }
        try database.close()
    }

    /// What is kept is as durable as any database; what is not need never reach the disk.
    private static func open(_ kept: String?, _ scratch: ScratchFolder?) throws -> Database {
        guard kept == nil, let scratch else { return try Database.open(at: kept ?? ".") }
        var configuration = EngineConfiguration()
        configuration.reservedBytes = 0
        configuration.sealOnCloseRowsMin = .max
        configuration.newCollectionDurability = .async(maxDelayMilliseconds: 1000)
        return try Database.open(at: scratch.path, configuration: configuration)
    }

    private func answer(_ folder: DocumentFolder, in database: Database) async throws {
        let words = try StaticEmbedder()
        let embedder = try ModelStore.embedder(model)
        let index = try PassageIndex(
            replacing: "passages", in: database, embedder: embedder, tokenizer: words.tokenizer)
        let start = ContinuousClock.now
        let chunker = Chunker(.structure(tokensMax: 160), tokenizer: words.tokenizer)
        var loader = DocumentLoader(into: index, chunker: chunker)
        let summary = try await loader.load(folder.files)
        for warning in folder.warnings + summary.warnings {
            StandardError.write(line: "left out \(warning)")
        }
        guard summary.passageCount > 0 else {
            throw Failure("\(directory): the text files have no text that can be read")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        StandardError.write(
            line: "\(summary.passageCount) passages of \(summary.fileCount) files, "
                + "\(summary.byteCount) bytes, in \(String(format: "%.1f", seconds)) s "
                + "(\(embedder.model.id))")
        if let ask {
            try await show(ask, index)
        } else {
            try await converse(index)
        }
    }

    /// Reads questions until there are no more.
    private func converse(_ index: PassageIndex) async throws {
        let isPrompting = Terminal.isInput
        while true {
            if isPrompting { StandardError.write("? ") }
            guard let line = readLine() else { break }
            if line.allSatisfy(\.isWhitespace) { continue }
            try await show(line, index)
        }
        if isPrompting { StandardError.write("\n") }
    }

    private func show(_ question: String, _ index: PassageIndex) async throws {
        let hits = try await index.search(question, limit: limit)
        if json {
            print(try PassageReport.json(hits))
        } else {
            print(PassageReport(width: Terminal.width, isColored: Terminal.isOutput).text(hits))
        }
    }
}
