internal import ApusStorage

extension Manifest {
    private static let timeKey = "time"

    /// No batch up to `flushedThrough` was written after it: milliseconds since 1970, in the
    /// attribute `time` as decimal digits. With it the times of batches never go back, also when
    /// the log that had the last one is gone. 0: not known.
    var time: UInt64 {
        get {
            attributes[Self.timeKey].flatMap { UInt64(String(decoding: $0, as: UTF8.self)) } ?? 0
        }
        set { attributes[Self.timeKey] = Array(String(newValue).utf8) }
    }
}
