private import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads certificates, keys and secrets again when their files change, or on SIGHUP.
///
/// Files are looked at once in a while: what mounts secrets into containers replaces links, which
/// watches of the kernel do not see.
struct Reloader: Service {
    struct Part: Sendable {
        var name: String
        var files: [String]
        var reload: @Sendable () throws -> Void
    }

    /// The audit log is reopened on SIGHUP only.
    var parts: [Part]
    var onHangUp: @Sendable () throws -> Void
    var interval = Duration.seconds(1)
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await watchFiles() }
                group.addTask { await watchSignals() }
            }
        }
    }

    private func watchFiles() async {
        var known = parts.map { $0.files.map(FileIdentity.init) }
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            for (index, part) in parts.enumerated() {
                let found = part.files.map(FileIdentity.init)
                // Somebody is still replacing them.
                guard found != known[index], found.allSatisfy(\.isThere) else { continue }
                known[index] = found
                reload(part)
            }
        }
    }

    private func watchSignals() async {
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            for part in parts { reload(part) }
            do {
                try onHangUp()
            } catch {
                logger.error("audit log was not reopened", metadata: ["error": "\(error)"])
            }
        }
    }

    private func reload(_ part: Part) {
        do {
            try part.reload()
            logger.info("reloaded", metadata: ["part": "\(part.name)"])
        } catch {
            logger.error(
                "not reloaded, the old one stays",
                metadata: ["part": "\(part.name)", "error": "\(error)"])
        }
    }
}

/// What tells one version of a file from another; links are followed.
private struct FileIdentity: Hashable {
    let number: Int?
    let byteCount: Int?
    let changed: Date?

    init(_ path: String) {
        let target = URL(filePath: path).resolvingSymlinksInPath().path
        let attributes = try? FileManager.default.attributesOfItem(atPath: target)
        number = (attributes?[.systemFileNumber] as? NSNumber)?.intValue
        byteCount = (attributes?[.size] as? NSNumber)?.intValue
        changed = attributes?[.modificationDate] as? Date
    }

    var isThere: Bool { number != nil }
}
