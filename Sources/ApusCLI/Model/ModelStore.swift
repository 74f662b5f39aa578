import ApusPipeline
private import Foundation

/// A directory with a folder for each model.
struct ModelStore {
    let directory: String

    /// What an encoder is loaded from, and what there may be beside it.
    private static let required = ["config.json", "vocab.txt", "model.safetensors"]
    private static let optional = [
        "1_Pooling/config.json", "sentence_bert_config.json", "tokenizer_config.json",
        "tokenizer.json", "README.md", "LICENSE",
    ]

    /// nil: the user's own.
    init(directory: String?) {
        let environment = ProcessInfo.processInfo.environment
        let home = environment["HOME"] ?? "."
        let data = environment["XDG_DATA_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
        self.directory = directory ?? "\(data ?? "\(home)/.local/share")/apus/models"
    }

    /// The model of a folder; nil: the vectors in the program.
    static func embedder(_ folder: String?, threads: Int? = nil) throws -> any Embedder {
        guard let folder else { return try StaticEmbedder() }
        return try SentenceEncoder(folder: folder, threadCount: threads)
    }

    static func isFolder(_ path: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(
            atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path)
        return attributes?[.type] as? FileAttributeType == .typeDirectory
    }

    /// Copies the model that lies in `folder` or below it, loads it, and only then gives it its
    /// name; one of the same name is replaced.
    func add(
        from folder: String, title: String
    ) throws -> (folder: String, encoder: SentenceEncoder) {
        let source = try Self.modelFolder(in: folder)
        let target = "\(directory)/\(title)"
        if URL(fileURLWithPath: source).standardizedFileURL.resolvingSymlinksInPath()
            == URL(fileURLWithPath: target).standardizedFileURL.resolvingSymlinksInPath()
        {
            return (target, try SentenceEncoder(folder: target))
        }
        // Beside the target, under the same last name, which is the model's.
        let staging = "\(directory)/.new-\(UUID().uuidString)"
        let files = FileManager.default
        do {
            try files.createDirectory(atPath: staging, withIntermediateDirectories: true)
            defer { try? files.removeItem(atPath: staging) }
            let copy = "\(staging)/\(title)"
            for name in Self.required + Self.optional
            where files.fileExists(atPath: "\(source)/\(name)") {
                let place = URL(fileURLWithPath: "\(copy)/\(name)")
                try files.createDirectory(
                    at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
                try files.copyItem(
                    at: URL(fileURLWithPath: "\(source)/\(name)").resolvingSymlinksInPath(),
                    to: place)
            }
            let encoder = try SentenceEncoder(folder: copy)
            if files.fileExists(atPath: target) { try files.removeItem(atPath: target) }
            try files.moveItem(atPath: copy, toPath: target)
            return (target, encoder)
        } catch let error as PipelineError {
            throw error
        } catch {
            throw Failure("cannot put the model into \(directory): \(error.localizedDescription)")
        }
    }

    /// The first folder, outer ones first, that has all that a model needs.
    private static func modelFolder(in folder: String) throws -> String {
        let files = FileManager.default
        let below = (try? files.subpathsOfDirectory(atPath: folder)) ?? []
        let candidates =
            [folder]
            + below.filter { $0.hasSuffix("/config.json") }.map { path in
                "\(folder)/\(path.dropLast("/config.json".count))"
            }
            .sorted { ($0.count, $0) < ($1.count, $1) }
        let found = candidates.first { candidate in
            required.allSatisfy { files.fileExists(atPath: "\(candidate)/\($0)") }
        }
        guard let found else {
            throw Failure(
                "no folder in \(folder) has \(required.joined(separator: ", ")): is it a sentence "
                    + "encoder of the BERT family?")
        }
        return found
    }
}
