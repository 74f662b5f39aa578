/// The one error of the public interface: what kind of failure, and a message that names what
/// failed, where, and what was expected.
public struct DatabaseError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds that the edges map to status codes.
    public enum Kind: Hashable, Sendable, CaseIterable {
        /// The request makes no sense as it stands (wrong dimension, unknown vector name, …).
        case invalidArgument
        /// A value is outside its allowed range.
        case validation
        case notFound
        case alreadyExists
        /// Valid, but not in the present state of the database.
        case failedPrecondition
        /// What the request says of the data is not what the collection's card says of it.
        case conflict
        /// It was there and is not kept any more: a version of a collection.
        case gone
        case unauthenticated
        case permissionDenied
        case timeout
        /// Overloaded; try again later.
        case resourceExhausted
        /// The disk is full; reads go on.
        case outOfSpace
        /// A write would take more memory than is allowed; reads and deletes go on.
        case outOfMemory
        /// Writing is refused until a restart (an I/O error), or the database is closed.
        case unavailable
        case unimplemented
        /// Bytes on disk are not what was written.
        case corruption
        /// A mistake of ours.
        case internalError
    }

    public let kind: Kind
    public let message: String

    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    public var description: String { message }
}

/// The texts that clients of the wire API look for.
extension DatabaseError {
    public static func collectionNotFound(_ name: String) -> DatabaseError {
        DatabaseError(.notFound, "Not found: Collection `\(name)` doesn't exist!")
    }

    public static func collectionExists(_ name: String) -> DatabaseError {
        DatabaseError(.alreadyExists, "Wrong input: Collection `\(name)` already exists!")
    }

    public static func wrongDimension(expected: Int, found: Int) -> DatabaseError {
        DatabaseError(
            .invalidArgument,
            "Wrong input: Vector dimension error: expected dim: \(expected), got \(found)")
    }

    public static func vectorNameNotFound(_ name: String) -> DatabaseError {
        DatabaseError(
            .invalidArgument, "Wrong input: Not existing vector name error: \(name)")
    }

    public static func pointNotFound(_ id: PointID) -> DatabaseError {
        DatabaseError(.notFound, "Not found: No point with id \(id) found")
    }

    public static func wrongInput(_ text: String) -> DatabaseError {
        DatabaseError(.invalidArgument, "Wrong input: \(text)")
    }

    /// A request whose parts do not go together.
    package static func badRequest(_ text: String) -> DatabaseError {
        DatabaseError(.invalidArgument, "Bad request: \(text)")
    }
}
