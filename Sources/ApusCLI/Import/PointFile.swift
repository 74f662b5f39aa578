import ApusCore
import ApusPipeline
import Foundation

/// Points as files: JSON lines, or rows of an npy file with their ids and payloads beside it.
struct PointFile {
    private(set) var count = 0
    private let field: String
    private let lines: FileHandle
    private var vectors: VectorWriter?
    private let path: String
    private let isRows: Bool

    init(path: String, field: String) throws {
        self.path = path
        self.field = field
        let isNpy = path.hasSuffix(".npy")
        let linesPath = isNpy ? String(path.dropLast(4)) + ".jsonl" : path
        guard FileManager.default.createFile(atPath: linesPath, contents: nil),
            let handle = FileHandle(forWritingAtPath: linesPath)
        else { throw Failure("\(linesPath): cannot be written") }
        lines = handle
        isRows = isNpy
    }

    mutating func write(_ records: [Record]) throws {
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

    func finish() throws {
        try lines.close()
        try vectors?.finish()
    }

    private static func line(_ record: Record, withVectors: Bool) -> String {
        let id: String =
            switch record.id {
            case .number(let number): String(number)
            case .uuid(let uuid): "\"\(uuid)\""
            }
        var line = "{\"id\": \(id)"
        if withVectors { line += ", \"vector\": \(text(of: record.vectors ?? [:]))" }
        line += ", \"payload\": \(JSONValue.object(record.payload ?? [:]).jsonText)}\n"
        return line
    }

    private static func text(of vectors: [String: Vector]) -> String {
        if vectors.count == 1, let only = vectors[defaultVectorName] { return text(of: only) }
        let members = vectors.sorted { $0.key < $1.key }.map { name, vector in
            "\(JSONValue.string(name).jsonText): \(text(of: vector))"
        }
        return "{\(members.joined(separator: ", "))}"
    }

    private static func text(of vector: Vector) -> String {
        switch vector {
        case .dense(let values): text(of: values)
        case .multi(let rows): "[\(rows.map(text).joined(separator: ", "))]"
        case .sparse(let sparse):
            "{\"indices\": [\(sparse.indices.map(String.init).joined(separator: ", "))], "
                + "\"values\": \(text(of: sparse.values))}"
        }
    }

    /// As few digits as say the same number.
    private static func text(of values: [Float]) -> String {
        "[\(values.map { "\($0)" }.joined(separator: ", "))]"
    }
}
