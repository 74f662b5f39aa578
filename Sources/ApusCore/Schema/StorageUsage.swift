/// Where the bytes of a collection lie, by what they hold.
public struct StorageUsage: Hashable, Sendable {
    public enum Part: String, Hashable, Sendable, CaseIterable {
        /// Dense vectors, and which points have them.
        case vectors
        /// Compressed copies of them.
        case codes
        case graph
        case payload
        /// Ids, the batches that wrote rows, and the marks of deleted ones.
        case ids
        /// Sparse vectors with their inverted lists, and multi vectors.
        case sparse
    }

    public struct Bytes: Hashable, Sendable {
        /// Memory of the process's own. Mapped files are not in it: the system keeps of them what
        /// it has room for.
        public var memory: Int
        /// In segment files; points that are in the log only are not in it.
        public var disk: Int

        public init(memory: Int = 0, disk: Int = 0) {
            self.memory = memory
            self.disk = disk
        }

        public static func + (left: Bytes, right: Bytes) -> Bytes {
            Bytes(memory: left.memory + right.memory, disk: left.disk + right.disk)
        }
    }

    private var parts: [Part: Bytes] = [:]

    public init() {}

    public subscript(part: Part) -> Bytes {
        get { parts[part] ?? Bytes() }
        set { parts[part] = newValue }
    }

    public var total: Bytes { parts.values.reduce(Bytes(), +) }

    public static func += (left: inout StorageUsage, right: StorageUsage) {
        left.parts.merge(right.parts) { $0 + $1 }
    }
}
