/// Which version of a collection a read sees.
public enum ReadVersion: Hashable, Sendable {
    /// The newest one that is durable.
    case latest
    /// The newest one that is durable, which is then kept, so that later reads can name it.
    case pin
    /// One that is kept.
    case number(SequenceNumber)
}
