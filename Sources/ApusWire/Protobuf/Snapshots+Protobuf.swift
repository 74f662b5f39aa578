private import ApusCore
package import ApusProto
private import SwiftProtobuf

extension Qdrant_SnapshotDescription {
    package init(_ snapshot: SnapshotSummary) {
        self.init()
        name = snapshot.name
        let microseconds = snapshot.creationTime.microseconds
        creationTime.seconds = microseconds / 1_000_000
        creationTime.nanos = Int32(microseconds % 1_000_000 * 1000)
        size = Int64(clamping: snapshot.byteCount)
        checksum = snapshot.checksum
    }
}
