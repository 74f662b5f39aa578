internal import ApusCore
internal import ApusPipeline

/// Reads the objects of a store in the order of their keys, one pass after the other: documents, JSON
/// objects a line, or the rows of Parquet and Arrow files, by the ending of the key.
actor ObjectRecords: RecordSource {
    private let store: any ObjectStore
    /// The fields that name the record of a line or row; nil: object and line do.
    private let key: RecordKey?
    /// A larger object is a malformed record.
    private let objectBytesMax: Int
    /// The last object that is done with; nil: none is.
    private var last: String?
    /// Lines of the object behind it that are done with, if it is still the one with this tag.
    private var linesDone = 0
    private var tag = ""
    /// Objects of the listing that are not read yet, last one first.
    private var listed: [StoredObject] = []
    private var lines: (object: StoredObject, all: [ArraySlice<UInt8>])?
    /// Where the object behind it is read by rows, of which `linesDone` are done with.
    private var rows: (object: StoredObject, records: ColumnRecords)?
    private let columns: Set<String>?
    private var hasToldEnd = false

    init(
        _ store: any ObjectStore, key: RecordKey?, objectBytesMax: Int,
        columns: Set<String>?, at position: JSONValue?
    ) {
        self.store = store
        self.key = key
        self.objectBytesMax = objectBytesMax
        self.columns = columns
        guard case .object(let members)? = position else { return }
        if case .string(let last)? = members["last"] { self.last = last }
        if case .integer(let lines)? = members["lines"] { linesDone = Int(lines) }
        if case .string(let tag)? = members["tag"] { self.tag = tag }
    }

    func close() {}

    func next(_ limit: ReadLimit) async throws -> SourceBatch? {
        if hasToldEnd {
            hasToldEnd = false
            return nil
        }
        var records: [SourceRecord] = []
        var bytes = 0
        var isMoved = false
        while records.count < limit.records, bytes < limit.bytes {
            if let (object, all) = lines {
                guard linesDone < all.count else {
                    finish(object)
                    isMoved = true
                    continue
                }
                bytes += all[linesDone].count
                linesDone += 1
                isMoved = true
                if let record = record(of: object, line: linesDone, all[linesDone - 1]) {
                    records.append(record)
                }
                continue
            }
            if let (object, reader) = rows {
                isMoved = true
                if let (record, size) = try await next(object, reader) {
                    records.append(record)
                    bytes += size
                }
                continue
            }
            if listed.isEmpty {
                listed = try await store.objects(behind: last).reversed()
            }
            guard let object = listed.popLast() else { break }
            if let record = try await open(object) {
                records.append(record)
                bytes += object.size
            }
            isMoved = true
        }
        guard !isMoved else { return SourceBatch(records: records, position: position) }
        // The pass is over, which is told once; the next one starts from the first object.
        last = nil
        hasToldEnd = true
        return SourceBatch(records: [], position: .null)
    }

    private var position: JSONValue {
        var members: [String: JSONValue] = [:]
        if let last { members["last"] = .string(last) }
        if let object = lines?.object ?? rows?.object {
            members["lines"] = .integer(Int64(linesDone))
            members["tag"] = .string(object.etag)
        }
        return .object(members)
    }

    private func finish(_ object: StoredObject) {
        last = object.key
        lines = nil
        rows = nil
        linesDone = 0
    }

    /// The next row of an object; nil: it has no more.
    private func next(
        _ object: StoredObject, _ records: ColumnRecords
    ) async throws -> (SourceRecord, size: Int)? {
        var records = records
        // One owner at a time, so that its columns are not copied.
        rows = nil
        guard let (line, record, size) = try await records.next() else {
            finish(object)
            return nil
        }
        rows = (object, records)
        linesDone = line
        return (record, size)
    }

    /// Gets an object. Returns the record that a document is; the lines of others are read then.
    private func open(_ object: StoredObject) async throws -> SourceRecord? {
        let place = "\(store.name)/\(object.key)"
        func malformed(_ reason: String, isRows: Bool = false) -> SourceRecord {
            finish(object)
            return SourceRecord(
                // Nobody knows which records an object of rows has.
                key: isRows ? "" : object.key, place: place, time: object.modified,
                change: .malformed(reason: reason, raw: ""))
        }
        if [.parquet, .arrow].contains(ColumnFormat(path: object.key)) {
            do {
                try await openRows(of: object, place)
                return nil
            } catch let error as PipelineError {
                return malformed(error.description, isRows: true)
            }
        }
        let isLines = [".jsonl", ".ndjson"].contains { object.key.hasSuffix($0) }
        let format = DocumentReader.Format(path: object.key)
        guard isLines || format != nil else {
            // Folders and files of other kinds are no records.
            finish(object)
            return nil
        }
        guard object.size <= objectBytesMax else {
            return malformed(
                "an object of \(object.size) bytes, of at most \(objectBytesMax)",
                isRows: isLines)
        }
        let content = try await store.content(of: object)
        if isLines {
            if tag != object.etag { linesDone = 0 }
            tag = ""
            lines = (object, content.split(separator: 0x0a, omittingEmptySubsequences: false))
            return nil
        }
        defer { finish(object) }
        do throws(DocumentText.Unreadable) {
            let text = try DocumentText(content: content, format: format ?? .plain)
            return SourceRecord(
                key: object.key, place: place, time: object.modified,
                change: .put(
                    RecordContent(fields: ["path": .string(object.key)], document: text)))
        } catch {
            return malformed(error.reason)
        }
    }

    private func openRows(of object: StoredObject, _ place: String) async throws {
        if tag != object.etag { linesDone = 0 }
        tag = ""
        var records = try await ColumnRecords(
            ObjectBytes(store: store, object: object, path: place), name: object.key,
            key: key, columns: columns, time: object.modified)
        try await records.skip(linesDone)
        rows = (object, records)
    }

    /// nil for a line without anything in it.
    private func record(
        of object: StoredObject, line: Int, _ bytes: ArraySlice<UInt8>
    ) -> SourceRecord? {
        guard bytes.contains(where: { $0 > 0x20 }) else { return nil }
        let place = "\(store.name)/\(object.key), line \(line)"
        let raw = String(decoding: bytes.prefix(65_536), as: UTF8.self)
        let name = key == nil ? "\(object.key)#\(line)" : ""
        let change: SourceRecord.Change
        do throws(MalformedJSON) {
            var parser = JSONParser(Array(bytes))
            let fields = try parser.readObject()
            try parser.readEnd()
            let content = RecordContent(fields: fields)
            if let key {
                return SourceRecord(namedBy: key, place: place, time: object.modified, content)
            }
            change = .put(content)
        } catch {
            change = .malformed(
                reason: "column \(error.offset + 1): expected \(error.expected), found "
                    + error.found, raw: raw)
        }
        return SourceRecord(key: name, place: place, time: object.modified, change: change)
    }
}
