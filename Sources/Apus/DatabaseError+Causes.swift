internal import ApusCore
internal import ApusStorage

extension DatabaseError {
    /// What a storage error means to a caller.
    init(_ error: StorageError) {
        let kind: Kind =
            switch error.kind {
            case .notFound: .notFound
            case .alreadyExists: .alreadyExists
            case .locked, .closed, .readOnly, .io: .unavailable
            case .corrupt: .corruption
            case .newerFormat: .failedPrecondition
            case .outOfSpace: .outOfSpace
            case .tooLarge: .validation
            }
        self.init(kind, "Storage: \(error)")
    }

    /// Any error as the public one.
    init(causedBy error: any Error) {
        switch error {
        case let error as DatabaseError: self = error
        case let error as StorageError: self.init(error)
        case let damage as SegmentDamage: self = damage.cause
        case let error as MalformedBytes: self.init(error, in: "stored bytes")
        default: self.init(.internalError, "\(error)")
        }
    }

    /// Files are damaged or missing, and will be the next time; other failures, such as a lack of
    /// memory, say nothing of what is on disk.
    var isOfFiles: Bool { kind == .corruption || kind == .notFound }

    /// Bytes on disk that cannot be read, and where they are.
    init(_ error: MalformedBytes, in place: String) {
        self.init(
            error.isNewerFormat ? .failedPrecondition : .corruption, "\(place): \(error)")
    }

    /// Runs `body`, whose storage errors become public ones.
    static func translating<Value>(_ body: () throws -> Value) throws -> Value {
        do { return try body() } catch { throw DatabaseError(causedBy: error) }
    }
}
