import ApusConnectors
import ApusCore

/// The name of a file of changes, which says what is in it. In the order of their names, files are in
/// the order of what happened.
///
/// | name | |
/// |---|---|
/// | `000001.LOG.FIRST-LAST.jsonl` | every version from FIRST to LAST, with 20 digits each |
/// | `000001.LOG.LSN.snapshot-000001.jsonl` | the first part of the collection as it was at version LSN |
/// | `000001.LOG.LSN.snapshot-000002.last.jsonl` | the last part of it |
///
/// LOG is the history. The number in front grows when a snapshot begins anew: files with smaller ones
/// say nothing about the present any more.
struct ChangeFileName: Hashable, Comparable, CustomStringConvertible {
    enum Content: Hashable {
        case versions(first: UInt64, last: UInt64)
        case snapshot(lsn: UInt64, part: Int, isLast: Bool)
    }

    var generation: Int
    var log: String
    var content: Content
    /// Without a dot.
    var ending: String

    init(generation: Int, log: String, _ content: Content, ending: String) {
        self.generation = generation
        self.log = log
        self.content = content
        self.ending = ending
    }

    /// nil for other names.
    init?(_ name: String) {
        var parts = name.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count >= 4, let ending = parts.popLast(), let generation = Int(parts[0]),
            generation > 0
        else { return nil }
        self.ending = String(ending)
        self.generation = generation
        log = String(parts[1])
        let numbers = parts[2].split(separator: "-", omittingEmptySubsequences: false)
            .map { UInt64($0) }
        if parts.count == 3, numbers.count == 2, let first = numbers[0], let last = numbers[1] {
            content = .versions(first: first, last: last)
        } else if parts.count == 4 || parts.count == 5 && parts[4] == "last",
            numbers.count == 1, let lsn = numbers[0], parts[3].hasPrefix("snapshot-"),
            let part = Int(parts[3].dropFirst("snapshot-".count))
        {
            content = .snapshot(lsn: lsn, part: part, isLast: parts.count == 5)
        } else {
            return nil
        }
        // Only names that we would give.
        guard description == name else { return nil }
    }

    var description: String {
        let start = "\(Self.padded(generation, 6)).\(log)."
        switch content {
        case .versions(let first, let last):
            return start + "\(Self.padded(first, 20))-\(Self.padded(last, 20)).\(ending)"
        case .snapshot(let lsn, let part, let isLast):
            return start + "\(Self.padded(lsn, 20)).snapshot-\(Self.padded(part, 6))"
                + (isLast ? ".last" : "") + ".\(ending)"
        }
    }

    private static func padded(_ number: some BinaryInteger, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    static func < (left: ChangeFileName, right: ChangeFileName) -> Bool {
        left.description < right.description
    }
}

extension [ChangeFileName] {
    /// How far these files go: through the last version of the newest generation, if that is complete
    /// from its start.
    var position: ChangePosition? {
        guard let newest = self.max(by: { $0.generation < $1.generation }) else { return nil }
        let files = filter { $0.generation == newest.generation }
        let lsn = files.compactMap { file -> UInt64? in
            switch file.content {
            case .versions(_, let last): last
            case .snapshot(let lsn, _, isLast: true): lsn
            case .snapshot: nil
            }
        }.max()
        return lsn.map { ChangePosition(log: newest.log, lsn: SequenceNumber($0)) }
    }
}
