import ApusCore
import ApusWire
import Foundation
package import Logging
import Synchronization

/// Writes down who did what, where, and what came of it: a line of JSON for each call that wrote
/// something, was refused, or (where wanted) read something. Never any data of points, nor keys.
package final class AuditLog: Sendable {
    private let settings: ServerConfiguration.Audit
    private let logger: Logger
    private let file: Mutex<FileHandle?>

    /// Throws `ConfigurationError` when the file cannot be written.
    package init(_ settings: ServerConfiguration.Audit, logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        file = Mutex(try Self.open(settings.path))
    }

    package var isOn: Bool { settings.path != nil }

    /// Lets go of a file that was moved away, and goes on in a new one.
    package func reopen() throws {
        let new = try Self.open(settings.path)
        file.withLock { file in
            if settings.path != "-" { try? file?.close() }
            file = new
        }
    }

    private static func open(_ path: String?) throws -> FileHandle? {
        guard let path else { return nil }
        if path == "-" { return .standardError }
        let manager = FileManager.default
        if !manager.fileExists(atPath: path) {
            _ = manager.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
        }
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw ConfigurationError(place: "audit.log", reason: "cannot write \(path)")
        }
        try handle.seekToEnd()
        return handle
    }

    /// What became of a call. `subject` is nil where nobody was recognised.
    func record(
        _ head: CallHead, subject: String?, decisions: [CallContext.Decision], status: Int,
        isSuccess: Bool, traceID: String?
    ) {
        guard isOn else { return }
        let isRefused = subject == nil || decisions.contains { !$0.isAllowed }
        if !isRefused, !settings.includesReads,
            decisions.allSatisfy({ [.read, .inspect, .observe].contains($0.action) })
        {
            return
        }
        var line: [String: JSONValue] = [
            "time": .string(Timestamp.now.description),
            "subject": subject.map(JSONValue.string) ?? .null,
            "peer": head.peer.map(JSONValue.string) ?? .null,
            "door": .string(head.door.rawValue),
            "method": .string(head.method),
            "outcome": isRefused ? "denied" : isSuccess ? "done" : "failed",
            "status": .integer(Int64(status)),
            "operations": .array(
                decisions.map { decision in
                    .object([
                        "action": .string(decision.action.rawValue),
                        "collection": decision.collection.map(JSONValue.string) ?? .null,
                        "allowed": .bool(decision.isAllowed),
                    ])
                }),
        ]
        if let traceID { line["trace_id"] = .string(traceID) }
        let bytes = JSONValue.object(line).jsonBytes + [0x0A]
        do {
            try file.withLock { try $0?.write(contentsOf: Data(bytes)) }
        } catch {
            logger.error("audit log cannot be written", metadata: ["error": "\(error)"])
        }
    }
}
