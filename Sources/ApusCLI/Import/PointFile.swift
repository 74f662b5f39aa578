import ApusCore
import ApusPipeline
import Foundation

/// Points as files: JSON lines, rows of an npy file with their ids and payloads beside it, or a
/// Parquet file.
struct PointFile {
    private(set) var count = 0
    private let field: String
    private let lines: FileHandle
    private var vectors: VectorWriter?
    private var columns: ParquetPointWriter?
    private let path: String
    private let isRows: Bool

    /// `fields` are those of the collection.
    init(path: String, field: String, fields: [VectorField]) throws {
        self.path = path
        self.field = field
        let isNpy = path.hasSuffix(".npy")
        let linesPath = isNpy ? String(path.dropLast(4)) + ".jsonl" : path
        guard FileManager.default.createFile(atPath: linesPath, contents: nil),
            let handle = FileHandle(forWritingAtPath: linesPath)
        else { throw Failure("\(linesPath): cannot be written") }
        lines = handle
        columns = path.hasSuffix(".parquet") ? ParquetPointWriter(fields: fields) : nil
        isRows = isNpy
    }

    mutating func write(_ records: [Record]) throws {
        guard columns == nil else { return try writeColumns(records) }
        var data = Data()
        var rows: [[Float]] = []
        for record in records {
            if isRows {
                guard case .dense(let vector)? = record.vectors?[field] else {
                    throw Failure(
                        "point \(record.id) has no dense vector in '\(field)': write x.jsonl")
                }
                rows.append(vector)
            }
            data += Data(Self.line(record, withVectors: !isRows).utf8)
        }
        count += records.count
        try lines.write(contentsOf: data)
        guard let first = rows.first else { return }
        if vectors == nil { vectors = try VectorWriter(path: path, dimension: first.count) }
        try vectors?.write(rows, of: rows.map { _ in "" })
    }

    private mutating func writeColumns(_ records: [Record]) throws {
        for record in records {
            let bytes = columns?.append(
                id: record.id, vectors: record.vectors ?? [:], payload: record.payload ?? [:])
            if let bytes, !bytes.isEmpty { try lines.write(contentsOf: Data(bytes)) }
        }
        count += records.count
    }

    mutating func finish() throws {
        if let rest = columns?.finish() { try lines.write(contentsOf: Data(rest)) }
        try lines.close()
        try vectors?.finish()
    }

    private static func line(_ record: Record, withVectors: Bool) -> String {
        var line = "{\"id\": \(PointText.id(record.id))"
        if withVectors { line += ", \"vector\": \(PointText.vectors(record.vectors ?? [:]))" }
        line += ", \"payload\": \(JSONValue.object(record.payload ?? [:]).jsonText)}\n"
        return line
    }
}
