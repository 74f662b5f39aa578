internal import ApusStorage
private import Foundation

extension Manifest {
    private static let batchTimesKey = "batchTimes"

    /// When some batches were written, in the attribute `batchTimes` as JSON. A value that is not
    /// understood counts as none: deletions are then taken to be young.
    var batchTimes: BatchTimes {
        get {
            let bytes = attributes[Self.batchTimesKey] ?? []
            return (try? JSONDecoder().decode(BatchTimes.self, from: Data(bytes))) ?? BatchTimes()
        }
        set {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys]
            let isEmpty = newValue == BatchTimes()
            attributes[Self.batchTimesKey] =
                isEmpty ? nil : (try? encoder.encode(newValue)).map { [UInt8]($0) }
        }
    }
}
