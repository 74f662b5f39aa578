/// What `apus check` finds.
public struct CheckReport: Sendable {
    /// One sentence each: file, place, what was expected and found. Empty: all is as it was written.
    public internal(set) var faults: [String] = []
    /// What a crash leaves behind: the next start removes it.
    public internal(set) var leftovers: [String] = []
    public internal(set) var collections = 0
    public internal(set) var segments = 0
    public internal(set) var logFiles = 0
    /// Of the database's own directory of snapshots, and of those that were named.
    public internal(set) var snapshots = 0
    public internal(set) var archivedLogFiles = 0
}

/// How a repair may go about it.
public struct RepairOptions: Sendable {
    /// Only look and tell; nothing is changed.
    public var isDryRun = false
    /// Cut a log that is damaged in the middle. What lies behind the damage was acknowledged, so
    /// this is for somebody to decide; without it such a collection stays closed.
    public var truncatesLog = false

    public init() {}
}

/// What a repair found, did, and could not save; encoded as JSON it lies in the quarantine too.
public struct RepairReport: Codable, Sendable {
    /// Points of one segment, or of the log, that are gone.
    public struct LostPoints: Codable, Hashable, Sendable {
        /// The file that had them.
        public var file: String
        public var count: Int
        /// As far as they could be read.
        public var ids: [String]
        /// Whether `count` is an upper bound: some of them may have been deleted or replaced.
        public var isUpperBound: Bool
    }

    public struct Collection: Codable, Sendable {
        public var name: String
        public internal(set) var faults: [String] = []
        /// What was done; in a dry run, what would be.
        public internal(set) var actions: [String] = []
        public internal(set) var lost: [LostPoints] = []
        /// Points that are there again and may have been deleted: the file that says so is damaged.
        public internal(set) var possiblyDeleted: [String] = []
        /// What is left to be decided; empty: the collection is whole.
        public internal(set) var remaining: [String] = []

        init(name: String) { self.name = name }
    }

    public internal(set) var database: String
    public internal(set) var isDryRun: Bool
    public internal(set) var collections: [Collection] = []
    /// Faults of files outside of collections, and what was done.
    public internal(set) var faults: [String] = []
    public internal(set) var actions: [String] = []

    /// Nothing is left that keeps the database from being served whole.
    public var isComplete: Bool { collections.allSatisfy { $0.remaining.isEmpty } }
    public var hasFaults: Bool {
        !faults.isEmpty || collections.contains { !$0.faults.isEmpty }
    }
    public var lostPointCount: Int {
        collections.reduce(0) { $0 + $1.lost.reduce(0) { $0 + $1.count } }
    }

    /// For people, a line each.
    public var lines: [String] {
        var lines = faults.map { "fault: \($0)" } + actions.map { verb + $0 }
        for collection in collections where !collection.faults.isEmpty {
            lines.append("collection `\(collection.name)`:")
            lines += collection.faults.map { "  fault: \($0)" }
            lines += collection.actions.map { "  " + verb + $0 }
            for lost in collection.lost {
                let bound = lost.isUpperBound ? "up to " : ""
                let ids = lost.ids.isEmpty ? "ids unknown" : lost.ids.joined(separator: ", ")
                lines.append("  lost: \(bound)\(lost.count) points of \(lost.file): \(ids)")
            }
            if !collection.possiblyDeleted.isEmpty {
                lines.append(
                    "  perhaps deleted before, and back now: "
                        + collection.possiblyDeleted.joined(separator: ", "))
            }
            lines += collection.remaining.map { "  left: \($0)" }
        }
        return lines
    }

    private var verb: String { isDryRun ? "would be done: " : "done: " }
}
