import Dispatch
private import Foundation

/// A directory that goes away when it is not needed any more, also when the program is interrupted.
final class ScratchFolder {
    let path: String
    private let interruptions: [any DispatchSourceSignal]

    init() throws {
        let path = FileManager.default.temporaryDirectory
            .appending(path: "apus-demo-\(UUID().uuidString)").path
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure("cannot make \(path): \(error.localizedDescription)")
        }
        self.path = path
        interruptions = Self.interruptions(removing: path)
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }

    private static func interruptions(removing path: String) -> [any DispatchSourceSignal] {
        [SIGINT, SIGTERM].map { number in
            // The default would end the program before the handler runs.
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                try? FileManager.default.removeItem(atPath: path)
                exit(128 + number)
            }
            source.resume()
            return source
        }
    }
}
