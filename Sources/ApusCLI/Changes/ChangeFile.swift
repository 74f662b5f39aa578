import ApusConnectors
import ApusCore
import ApusPipeline
import ApusStorage

/// A file of changes that is being written, for one task.
final class ChangeFile {
    enum Form {
        case lines
        /// With the vector fields that it has columns for.
        case parquet(ParquetPointWriter, Set<String>)
    }

    private let file: any File
    private var form: Form
    private let withVectors: Bool
    private var offset: UInt64 = 0
    /// The version that it begins with.
    let first: UInt64

    init(_ file: any File, _ form: Form, first: UInt64, withVectors: Bool) {
        self.file = file
        self.form = form
        self.first = first
        self.withVectors = withVectors
    }

    var byteCount: Int {
        let held =
            switch form {
            case .lines: 0
            case .parquet(let writer, _): writer.heldByteCount
            }
        return Int(clamping: offset) + held
    }

    /// Whether it has a column for every vector.
    func takes(_ batch: ChangeBatch) -> Bool {
        guard withVectors, case .parquet(_, let fields) = form else { return true }
        return batch.events.allSatisfy { fields.isSuperset(of: $0.vectors.keys) }
    }

    func append(_ batch: ChangeBatch) throws {
        guard takes(batch) else {
            throw Failure(
                "version \(batch.lsn) has vectors of a field that the rest of it does not have")
        }
        switch form {
        case .lines:
            var text = ""
            for index in batch.events.indices {
                text += batch.json(at: index, withVectors: withVectors)
                text += "\n"
            }
            try write(Array(text.utf8))
        case .parquet(var writer, let fields):
            // One owner at a time, so that its columns are not copied.
            form = .lines
            var bytes: [UInt8] = []
            for (index, event) in batch.events.enumerated() {
                guard let id = event.id else { continue }
                let change = PointChange(
                    lsn: batch.lsn.rawValue, index: batch.firstIndex + index,
                    kind: event.kind.name, time: batch.time)
                bytes += writer.append(
                    id: id, vectors: withVectors ? event.vectors : [:],
                    payload: event.kind == .delete ? nil : event.payload, change: change)
            }
            form = .parquet(writer, fields)
            try write(bytes)
        }
    }

    /// Returns when all of it is on disk.
    func finish() throws {
        if case .parquet(var writer, let fields) = form {
            try write(writer.finish())
            form = .parquet(writer, fields)
        }
        try file.synchronize()
    }

    private func write(_ bytes: [UInt8]) throws {
        guard !bytes.isEmpty else { return }
        try file.write(bytes, at: offset)
        offset += UInt64(bytes.count)
    }
}
