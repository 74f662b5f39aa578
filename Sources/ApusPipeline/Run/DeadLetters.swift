private import ApusCore
private import Foundation

/// A record that was set aside.
package struct DeadLetter: Sendable, Codable, Hashable {
    package var pipeline: String
    package var key: String
    package var place: String
    /// `source`, `map`, `embed`.
    package var stage: String
    package var cause: String
    /// The record as far as it is known: its fields as JSON, or the start of its bytes.
    package var record: String
}

/// Where records are set aside, each as a JSON object a line.
///
/// What a run has put here is on disk before it moves its position past the record, so a record is
/// never lost; a run that is cut off between the two puts it here again.
package actor DeadLetterFile {
    package nonisolated let path: String
    private var file: FileHandle?

    package init(path: String) { self.path = path }

    package func append(_ letters: [DeadLetter]) throws(StageError) {
        guard !letters.isEmpty else { return }
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            var data = Data()
            for letter in letters { data += try encoder.encode(letter) + [0x0a] }
            let file = try open()
            try file.seekToEnd()
            try file.write(contentsOf: data)
            try file.synchronize()
        } catch {
            throw StageError(.fatal, stage: "dead letters", "cannot write \(path): \(error)")
        }
    }

    private func open() throws -> FileHandle {
        if let file { return file }
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: url) }
        let opened = try FileHandle(forUpdating: url)
        // A run that was killed may have left the start of a line.
        let end = try opened.seekToEnd()
        if end > 0 {
            try opened.seek(toOffset: end - 1)
            if try opened.read(upToCount: 1) != Data([0x0a]) {
                try opened.seekToEnd()
                try opened.write(contentsOf: Data([0x0a]))
            }
        }
        file = opened
        return opened
    }
}
