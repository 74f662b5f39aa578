import ApusStorage
import Foundation

/// The machine that a history runs on.
protocol World: AnyObject {
    /// Where the database lies.
    var root: String { get }
    /// The file system of the process that runs now.
    var fileSystem: any FileSystem { get }
    /// The process or the machine has died: every call fails until `restart`.
    var isDown: Bool { get }
    /// Calls may fail though nothing died.
    var isFailing: Bool { get }

    func schedule(_ crash: Step.Crash, afterCalls: Int)
    func schedule(_ fault: Step.Fault, afterCalls: Int, calls: Int)
    /// Takes back what was scheduled and did not happen.
    func heal()
    /// Starts again with what is left; nothing is scheduled.
    func restart()
    /// The database was closed, so the process might end here, and another opens it. What fails
    /// goes on failing.
    func endProcess() throws(StillAtWork)
    /// Throws if the process that ended has changed anything since.
    func checkEnded() throws(StillAtWork)
}

/// A database that was closed has changed files.
struct StillAtWork: Error, CustomStringConvertible {
    let call: String
    var description: String { "the closed database went on: \(call)" }
}

/// The real file system, which neither crashes nor fails.
final class PosixWorld: World {
    let root: String
    let fileSystem: any FileSystem = PosixFileSystem()
    let isDown = false
    let isFailing = false

    init() {
        root = NSTemporaryDirectory() + "apus-model-" + UUID().uuidString
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }

    func schedule(_ crash: Step.Crash, afterCalls: Int) {}
    func schedule(_ fault: Step.Fault, afterCalls: Int, calls: Int) {}
    func heal() {}
    func restart() {}
    func endProcess() {}
    func checkEnded() {}
}
