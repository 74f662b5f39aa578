private import Foundation

/// What a run says of itself to other processes, renewed while it runs.
package struct PipelineStatus: Hashable, Sendable, Codable {
    package enum State: String, Hashable, Sendable, Codable {
        case running
        case finished
        /// Somebody stopped it.
        case stopped
        case failed
    }

    package var pipeline: String
    package var state: State
    /// Of the process.
    package var process: Int32
    /// Milliseconds since 1970.
    package var startedAt: Int64
    package var updatedAt: Int64
    package var start: PipelineRun.Start?
    package var progress: PipelineProgress
    /// Records a second since the start.
    package var rate: Double
    /// Why it failed.
    package var failure: String?

    package init(pipeline: String, process: Int32, startedAt: Int64) {
        self.pipeline = pipeline
        self.process = process
        self.startedAt = startedAt
        updatedAt = startedAt
        state = .running
        progress = PipelineProgress()
        rate = 0
    }

    package mutating func update(_ progress: PipelineProgress, now: Int64) {
        self.progress = progress
        updatedAt = now
        let seconds = Double(max(1, now - startedAt)) / 1000
        rate = (Double(progress.counters.read) / seconds * 10).rounded() / 10
    }
}

/// Where a status is kept.
package struct StatusFile: Sendable {
    package let path: String

    /// In the user's state folder, under a name that follows from the pipeline's file.
    package init(forPipelineAt file: String, environment: [String: String]) {
        let home = environment["HOME"] ?? "/var/tmp"
        let state = environment["XDG_STATE_HOME"] ?? "\(home)/.local/state"
        let full = URL(fileURLWithPath: file).standardizedFileURL.path
        path = "\(state)/apus/pipelines/\(ChunkPoint.hash(of: [full])).status.json"
    }

    /// Replaces the file as a whole. What cannot be written is lost: a run does not end for that.
    package func save(_ status: PipelineStatus) {
        let url = URL(fileURLWithPath: path)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try? FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try? encoder.encode(status).write(to: url, options: .atomic)
    }

    /// nil: there is none that can be read.
    package func read() -> PipelineStatus? {
        FileManager.default.contents(atPath: path)
            .flatMap { try? JSONDecoder().decode(PipelineStatus.self, from: $0) }
    }
}
