package import ApusCore
package import ApusProto

extension PointID {
    /// Throws `invalidArgument` when there is no id, or when a UUID cannot be read.
    package init(_ message: Qdrant_PointId) throws(DatabaseError) {
        switch message.pointIDOptions {
        case .num(let number):
            self = .number(number)
        case .uuid(let text):
            guard let uuid = UUIDBytes(text) else {
                throw DatabaseError(.invalidArgument, "Unable to parse UUID: \(text)")
            }
            self = .uuid(uuid)
        case nil:
            throw DatabaseError(.invalidArgument, "A point id must be a number or a UUID")
        }
    }

    package static func ids(_ messages: [Qdrant_PointId]) throws(DatabaseError) -> [PointID] {
        try messages.map { message throws(DatabaseError) in try PointID(message) }
    }
}

extension Qdrant_PointId {
    package init(_ id: PointID) {
        self.init()
        switch id {
        case .number(let number): num = number
        case .uuid(let bytes): uuid = bytes.description
        }
    }
}
