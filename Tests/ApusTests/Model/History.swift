import Foundation

/// A sequence of steps on one database, as a value: generated from a seed, run against the engine
/// and the model, shrunk when they disagree, printed, and read back.
///
/// Its text is one line of JSON for the settings and one for each step. Points and queries are
/// named by an id and a salt, from which `Shape` derives their vectors and payloads.
struct History: Hashable, Sendable {
    var settings: Settings
    var steps: [Step]

    struct Settings: Hashable, Sendable, Codable {
        /// What the file system does with unsynced bytes at a crash.
        var seed: UInt64
        /// Rows of a growing segment.
        var segmentRowsMax: Int
        /// Growing segments with so many rows become files at an orderly close.
        var sealOnCloseRowsMin: Int
        /// Background work is waited for after each write, so that crashes fall on the same calls
        /// in every run.
        var isDrained: Bool
    }
}

/// One step of a history.
enum Step: Hashable, Sendable, Codable {
    case create(collection: String, shape: Int)
    case drop(collection: String)
    case write(collection: String, changes: [Change], waits: Bool)
    /// Sets the collection's metadata.
    case configure(collection: String, salt: Int)
    case declareIndex(collection: String, key: String)
    case forgetIndex(collection: String, key: String)
    case search(collection: String, search: Search)
    case scroll(collection: String, filter: Choice, pageSize: Int)
    case count(collection: String, filter: Choice)
    case retrieve(collection: String, ids: [Int])
    case seal(collection: String)
    /// Waits for all background work.
    case settle(collection: String)
    /// Compares everything that the collections hold with the model.
    case verify
    case snapshot(collection: String)
    /// Makes a collection what one of the snapshots taken so far is, if there is any.
    case restore(snapshot: Int, into: String)
    case reopen
    /// The process or the machine dies at the file-system call after so many more.
    case crash(Crash, afterCalls: Int)
    /// Some file-system calls, after so many more, fail. A full disk stays full until it heals.
    case fail(Fault, afterCalls: Int, calls: Int)
    /// Nothing fails any more.
    case heal

    enum Crash: String, Hashable, Sendable, Codable {
        /// Everything that was not synced may be gone, in part or as a whole.
        case powerLoss
        /// The process is gone, its writes are not.
        case kill
    }

    enum Fault: String, Hashable, Sendable, Codable {
        case outOfSpace
        case inputOutput
    }
}

/// One operation of a write call.
enum Change: Hashable, Sendable, Codable {
    case upsert([Draft])
    case delete(Selection)
    case updateVectors([Draft])
    case deleteVectors(fields: [String], Selection)
    case setPayload(salt: Int, at: String?, Selection)
    case overwritePayload(salt: Int, Selection)
    case deletePayload(keys: [String], Selection)
    case clearPayload(Selection)
}

/// A point to write: `salt` decides its vectors and payload.
struct Draft: Hashable, Sendable, Codable {
    var id: Int
    var salt: Int
}

enum Selection: Hashable, Sendable, Codable {
    case ids([Int])
    case matching(Choice)
}

/// A filter of the few kinds that the model evaluates by itself.
indirect enum Choice: Hashable, Sendable, Codable {
    case everything
    case colour(String)
    case numberBelow(Int)
    case ids([Int])
    case hasVector(String)
    case lacks(key: String)
    case not(Choice)
    case both(Choice, Choice)
}

struct Search: Hashable, Sendable, Codable {
    var field: String
    var salt: Int
    var limit: Int
    var filter: Choice
    var isExact: Bool
}

extension History: CustomStringConvertible {
    var description: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        func line(_ value: some Encodable) -> String {
            (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "?"
        }
        return ([line(settings)] + steps.map { line($0) }).joined(separator: "\n")
    }

    /// Reads what `description` wrote.
    init(text: String) throws {
        let decoder = JSONDecoder()
        var lines = text.split(separator: "\n").map { Data($0.utf8) }[...]
        settings = try decoder.decode(Settings.self, from: lines.popFirst() ?? Data())
        steps = try lines.map { try decoder.decode(Step.self, from: $0) }
    }
}
