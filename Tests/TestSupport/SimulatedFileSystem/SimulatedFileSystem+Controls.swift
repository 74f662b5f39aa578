package import ApusStorage

/// The calls that a file system takes.
package enum FileOperation: Hashable, Sendable, CaseIterable {
    /// `open` that makes the file, or empties it.
    case create
    case write
    case truncate
    case allocate
    case synchronize
    case rename
    case link
    case remove
    case makeDirectory
    case removeDirectory
    case synchronizeDirectory
    // What follows changes nothing.
    case open
    case read
    case map
    case list
    case look
    case lock

    /// Whether the call can change what a crash leaves: these are counted as `callCount`.
    package var isChange: Bool {
        switch self {
        case .create, .write, .truncate, .allocate, .synchronize, .rename, .link, .remove,
            .makeDirectory, .removeDirectory, .synchronizeDirectory:
            true
        case .open, .read, .map, .list, .look, .lock: false
        }
    }
}

extension SimulatedFileSystem {
    /// Lets calls fail. A write that fails is done in part; a sync that fails has lost what it
    /// should have made durable, and a second one does not bring that back.
    package struct Fault: Sendable {
        /// nil: every call that changes something.
        package var operation: FileOperation?
        /// A part of the path; empty: every path.
        package var pathPart: String
        package var kind: StorageError.Kind
        /// So many calls that fit go well first.
        package var passCount: Int
        /// How many calls fail after them.
        package var failCount: Int

        package init(
            _ operation: FileOperation?, on pathPart: String = "",
            kind: StorageError.Kind = .io, afterCalls passCount: Int = 0, count: Int = .max
        ) {
            self.operation = operation
            self.pathPart = pathPart
            self.kind = kind
            self.passCount = passCount
            failCount = count
        }

        fileprivate func fits(_ operation: FileOperation, _ path: String) -> Bool {
            (self.operation.map { $0 == operation } ?? operation.isChange)
                && (pathPart.isEmpty || path.contains(pathPart))
        }
    }

    /// What a test asks of the machine; may be changed at any time with `change`.
    package struct Controls: Sendable {
        /// The machine stops at this call that changes something, counted from 0; the call is done,
        /// done in part, or not done.
        package var crashingCall: Int?
        package var faults: [Fault] = []
        /// Bytes that all files together may take; what passes the bound is `.outOfSpace`, and a
        /// write that does is done in part. nil: any number.
        package var capacity: Int?
        /// Syncs of files wait until this is false again.
        package var holdsSyncs = false

        /// Calls so far that change something.
        package internal(set) var callCount = 0
        /// Calls so far, by kind.
        package internal(set) var counts: [FileOperation: Int] = [:]
        /// Syncs of files that wait because of `holdsSyncs`.
        package internal(set) var waitingSyncCount = 0
        /// The last call that changed something, for messages.
        package internal(set) var lastChange = ""

        /// Counts a call; the kind of its error, when it is its turn to fail.
        mutating func failure(of operation: FileOperation, _ path: String) -> StorageError.Kind? {
            var kind: StorageError.Kind?
            for index in faults.indices where faults[index].fits(operation, path) {
                if faults[index].passCount > 0 {
                    faults[index].passCount -= 1
                } else if faults[index].failCount > 0 {
                    if faults[index].failCount < .max { faults[index].failCount -= 1 }
                    kind = faults[index].kind
                }
            }
            return kind
        }
    }
}
