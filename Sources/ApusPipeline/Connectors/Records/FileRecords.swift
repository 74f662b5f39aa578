internal import ApusCore
private import Foundation

/// Reads the records of files, one pass after the other.
///
/// An actor, because it keeps its place; reading itself blocks, and only the pipeline waits for it.
actor FileRecords: RecordSource {
    struct File: Sendable {
        var path: String
        var name: String
        var size = 0
        var modified: Int64 = 0
    }

    /// A file that is read line by line.
    private enum Lines {
        case json(LineReader)
        case delimited(DelimitedRows, LineReader)
        case columns(ColumnRecords)
    }

    private let origin: FileOrigin
    private var resume: FilePosition?
    /// Files that this pass has not come to, last one first; nil: no pass is under way.
    private var files: [File]?
    private var hasToldEnd = false
    private var file: File?
    private var lines: Lines?

    init(_ origin: FileOrigin, at position: FilePosition?) {
        self.origin = origin
        resume = position
    }

    func close() { lines = nil }

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        do {
            return try await read(limit)
        } catch let error as PipelineError {
            throw StageError(.fatal, stage: "source", error.description)
        }
    }

    private func read(_ limit: ReadLimit) async throws -> SourceBatch? {
        if files == nil { try beginPass() }
        var records: [SourceRecord] = []
        var bytes = 0
        var position: FilePosition?
        while records.count < limit.records, bytes < limit.bytes {
            if case .columns(var rows)? = lines, let file {
                // One owner at a time, so that its columns are not copied. Many rows at a time, since
                // each call leaves this actor and comes back.
                lines = nil
                let found = try await rows.next(
                    ReadLimit(
                        records: limit.records - records.count, bytes: limit.bytes - bytes))
                if !found.isEmpty { lines = .columns(rows) }
                records += found.map(\.record)
                bytes += found.reduce(0) { $0 + $1.size }
                position = FilePosition(file, line: found.last?.line)
            } else if lines != nil, let file {
                if let (line, record, size) = try nextLine(of: file) {
                    records.append(record)
                    bytes += size
                    position = FilePosition(file, line: line)
                } else {
                    lines = nil
                    position = FilePosition(file, line: nil)
                }
            } else if let next = files?.popLast() {
                if let (record, size) = try await start(next) {
                    records.append(record)
                    bytes += size
                    position = file.map { FilePosition($0, line: nil) }
                }
            } else {
                break
            }
        }
        if let position { return SourceBatch(records: records, position: position.value) }
        // The pass is over, which is told once; the next one starts from the first file.
        guard !hasToldEnd else {
            hasToldEnd = false
            files = nil
            resume = nil
            return nil
        }
        hasToldEnd = true
        return SourceBatch(records: [], position: .null)
    }

    // MARK: Files

    private func beginPass() throws(PipelineError) {
        var found: [File]
        if RecordFormat(path: origin.path)?.isLines == true,
            !((try? FileManager.default.contentsOfDirectory(atPath: origin.path)) != nil)
        {
            let name = origin.path.split(separator: "/").last.map(String.init) ?? origin.path
            found = [File(path: origin.path, name: name)]
        } else {
            // Files of rows are no documents, and are read all the same.
            let folder = try DocumentFolder(path: origin.path) { path in
                DocumentReader.Format(path: path) ?? RecordFormat(path: path).map { _ in .plain }
            }
            if let warning = folder.warnings.first {
                throw .unreadable(file: warning.file, reason: warning.reason)
            }
            found = folder.files.map { File(path: $0.path, name: $0.name) }
        }
        found.sort { $0.name < $1.name }
        if let resume { found.removeAll { $0.name < resume.file } }
        files = found.reversed()
    }

    /// Opens what is read by lines, behind those that are done with. Returns the record that a
    /// document is, or a file that cannot be opened.
    private func start(_ next: File) async throws -> (SourceRecord, size: Int)? {
        file = next
        do {
            let input = try InputFile(path: next.path)
            var opened = next
            opened.size = input.size
            opened.modified = input.modified
            file = opened
            let skipped = takeResume(for: opened)
            switch RecordFormat(path: next.path) {
            case .jsonLines: lines = .json(try LineReader(input))
            case .delimited(let delimiter):
                let reader = try LineReader(input)
                lines = .delimited(DelimitedRows(reader, delimiter: delimiter), reader)
            case .columns:
                var records = try await ColumnRecords(
                    input, name: opened.name, key: origin.key, columns: origin.columns,
                    keysOnly: origin.isKeysOnly)
                try await records.skip(skipped)
                lines = .columns(records)
                return nil
            case .document, nil: return skipped == 0 ? document(opened) : nil
            }
            while skipped > 0, let line = try nextLine(of: opened)?.line, line < skipped {}
            return nil
        } catch let error as PipelineError {
            lines = nil
            return (Self.malformed(next, error.description), 0)
        }
    }

    /// Lines of the file that an earlier run is done with, if it is as it was then.
    private func takeResume(for file: File) -> Int {
        defer { resume = nil }
        guard let resume, resume.file == file.name, resume.size == file.size,
            resume.modified == file.modified
        else { return 0 }
        return resume.line ?? .max
    }

    /// A file of rows has no key: nobody knows which records are in it.
    private static func malformed(_ file: File, _ reason: String) -> SourceRecord {
        SourceRecord(
            key: RecordFormat(path: file.path)?.isLines == true ? "" : file.name, place: file.path,
            change: .malformed(reason: reason, raw: ""))
    }

    // MARK: Records

    /// The next line of a file that has no columns.
    private func nextLine(
        of file: File
    ) throws -> (line: Int, record: SourceRecord, size: Int)? {
        switch lines {
        case .json(let reader):
            while let line = try reader.next() {
                guard line.contains(where: { $0 > 0x20 }) else { continue }
                let change: SourceRecord.Change
                do throws(PipelineError) {
                    change = .put(RecordContent(fields: try reader.payload(line)))
                } catch {
                    change = .malformed(
                        reason: error.description, raw: String(decoding: line, as: UTF8.self))
                }
                return (
                    reader.lineNumber, record(file, line: reader.lineNumber, change), line.count
                )
            }
            return nil
        case .delimited(var rows, let reader):
            guard let (line, row) = try rows.next() else { return nil }
            lines = .delimited(rows, reader)
            switch row {
            case .fields(let fields):
                let size = fields.values.reduce(0) { $0 + $1.plainText.utf8.count }
                let change = SourceRecord.Change.put(RecordContent(fields: fields))
                return (reader.lineNumber, record(file, line: line, change), size)
            case .malformed(let reason, let raw):
                return (
                    reader.lineNumber,
                    record(file, line: line, .malformed(reason: reason, raw: raw)), raw.utf8.count
                )
            }
        case .columns, nil: return nil
        }
    }

    private func record(
        _ file: File, line: Int, _ change: SourceRecord.Change
    ) -> SourceRecord {
        let path = file.path
        guard let key = origin.key else {
            return SourceRecord(
                key: "\(file.name)#\(line)", place: "\(path), line \(line)", change: change)
        }
        guard case .put(let content) = change else {
            return SourceRecord(key: "", place: "\(path), line \(line)", change: change)
        }
        return SourceRecord(namedBy: key, place: "\(path), line \(line)", content)
    }

    /// A whole document as one record.
    private func document(_ file: File) -> (SourceRecord, size: Int) {
        guard file.size <= origin.documentBytesMax else {
            return (
                Self.malformed(
                    file,
                    "a document of \(file.size) bytes, of at most \(origin.documentBytesMax)"), 0
            )
        }
        do throws(PipelineError) {
            guard let format = DocumentReader.Format(path: file.path) else {
                return (Self.malformed(file, "nobody reads files of this ending"), 0)
            }
            var pieces = try DocumentReader(
                path: file.path, format: format, pieceSize: max(16, file.size)
            ).pieces()
            let piece = try pieces.next()
            if let warning = pieces.warning { return (Self.malformed(file, warning.reason), 0) }
            let content = RecordContent(
                fields: ["path": .string(file.name)], document: piece ?? DocumentText([]))
            return (
                SourceRecord(
                    key: file.name, place: file.path, time: file.modified / 1_000_000,
                    change: .put(content)), file.size
            )
        } catch {
            return (Self.malformed(file, error.description), 0)
        }
    }
}

/// How the records of a file are told apart.
enum RecordFormat: Hashable, Sendable {
    case jsonLines
    case delimited(UInt8)
    case columns
    case document(DocumentReader.Format)

    /// By the ending of the name; nil for what is not read.
    init?(path: String) {
        let name = path.lowercased()
        func ends(_ endings: [String]) -> Bool { endings.contains(where: name.hasSuffix) }
        if ends([".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz"]) {
            self = .jsonLines
        } else if ends([".csv", ".csv.gz"]) {
            self = .delimited(UInt8(ascii: ","))
        } else if ends([".tsv", ".tsv.gz"]) {
            self = .delimited(0x09)
        } else if ColumnFormat(path: path) != nil {
            self = .columns
        } else if let format = DocumentReader.Format(path: path) {
            self = .document(format)
        } else {
            return nil
        }
    }

    var isLines: Bool {
        switch self {
        case .jsonLines, .delimited, .columns: true
        case .document: false
        }
    }
}
