import ApusCore

/// Completions that wait for their sequence numbers, in order of these.
///
/// Adding is O(1) in the order in which numbers are given out, and taking out is O(1) for each.
struct CompletionQueue {
    private struct Entry {
        var sequenceNumber: SequenceNumber
        var completion: WriteAheadLog.Completion
    }

    /// Ascending; the first `takenCount` are gone.
    private var entries: [Entry] = []
    private var takenCount = 0

    var isEmpty: Bool { takenCount == entries.count }

    mutating func add(_ lsn: SequenceNumber, _ completion: @escaping WriteAheadLog.Completion) {
        var place = entries.count
        // Callers come nearly in order, so the place is near the end.
        while place > takenCount, entries[place - 1].sequenceNumber > lsn { place -= 1 }
        entries.insert(Entry(sequenceNumber: lsn, completion: completion), at: place)
    }

    /// Takes out those up to `lsn`.
    mutating func take(
        through lsn: SequenceNumber
    ) -> [WriteAheadLog.Completion] {
        var taken: [WriteAheadLog.Completion] = []
        while takenCount < entries.count, entries[takenCount].sequenceNumber <= lsn {
            taken.append(entries[takenCount].completion)
            takenCount += 1
        }
        // The front is cut off when it is most of the array, which costs O(1) for each taken.
        if takenCount > entries.count / 2 {
            entries.removeFirst(takenCount)
            takenCount = 0
        }
        return taken
    }
}
