public import ApusCore

/// What there is to know about a snapshot without reading it.
public struct SnapshotDescription: Hashable, Sendable {
    /// Unique among the snapshots of its collection, or of the database.
    public var name: String
    public var creationTime: Timestamp
    /// Bytes of its archive. What it takes where it is stored is less: files that several snapshots
    /// have are stored once.
    public var byteCount: UInt64
    /// SHA-256 of its archive, in hexadecimal.
    public var checksum: String
    /// The state that each collection has in it: everything up to this batch and nothing after it.
    public var sequenceNumbers: [String: SequenceNumber]
}

/// Up to where a restore goes on from a snapshot, with the archive of the log.
public enum RestoreTarget: Hashable, Sendable {
    /// What the snapshot has, and nothing else.
    case snapshot
    /// Everything that the archive has.
    case latest
    /// Up to this batch, and nothing after it.
    case sequenceNumber(SequenceNumber)
    /// Up to the last batch that was written at this time or before.
    case time(Timestamp)
}
