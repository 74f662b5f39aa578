import Apus
import ApusCore
import ApusWire
import Synchronization

/// What a call says in its header about the version that it reads, and what it learns.
///
/// Both doors put it around a call that has the header `apus-version`; `Operations` looks at it, so
/// that every reading method of both protocols takes the header.
final class CallVersion: Sendable {
    @TaskLocal static var current: CallVersion?

    private let wanted: ReadVersion
    private let found = Mutex<SequenceNumber?>(nil)

    init(header: String) throws(DatabaseError) { wanted = try ReadVersion(header: header) }

    /// The version that the call has read, for the header of its answer; nil: it was no read.
    var seen: SequenceNumber? { found.withLock { $0 } }

    /// The version that reads of the collection shall see; nil: the newest.
    static func version(in collection: Collection) -> SequenceNumber? {
        current?.resolve(collection)
    }

    /// A scroll may say it in its body too, which goes first.
    static func applied(to request: ScrollRequest, in collection: Collection) -> ScrollRequest {
        guard request.version == .latest, let version = version(in: collection) else {
            return request
        }
        var request = request
        request.version = .number(version)
        return request
    }

    private func resolve(_ collection: Collection) -> SequenceNumber? {
        let version: SequenceNumber? =
            switch wanted {
            case .latest: nil
            case .pin: collection.pinVersion()
            case .number(let number): number
            }
        found.withLock { $0 = version }
        return version
    }
}
