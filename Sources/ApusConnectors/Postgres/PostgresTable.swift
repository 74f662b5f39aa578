internal import ApusPipeline

/// What is known of a table, and the statement that reads a page of it.
struct PostgresTable {
    struct Row: Sendable {
        /// Of each of the key's columns.
        var key: [String]
        var watermark: String?
        /// Milliseconds since 1970, of a watermark that is a time.
        var time: Int64?
        var byteCount: Int
        /// UTF-8; nil: it is too large.
        var json: [UInt8]?
    }

    private let settings: PostgresOrigin.Settings
    private let keysOnly: Bool
    private let keyTypes: [String]
    private let watermarkType: String?

    /// Looks at the table. Throws where rows could be passed over: a key that several rows may share,
    /// rows without key or watermark.
    init(
        _ connection: PostgresConnection, _ settings: PostgresOrigin.Settings, keysOnly: Bool
    ) throws(StageError) {
        self.settings = settings
        self.keysOnly = keysOnly
        let columns = try connection.rows(
            """
            SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
            WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped
            """, [settings.table])
        func column(_ name: String) throws(StageError) -> [String?] {
            guard let row = columns.first(where: { $0[0] == name }) else {
                throw StageError(
                    .fatal, stage: "source", "\(settings.table) has no column '\(name)'")
            }
            return row
        }
        let key = try settings.key.map { name throws(StageError) in try column(name) }
        keyTypes = key.map { $0[1] ?? "text" }
        // A unique index of some of them is enough.
        let unique = try connection.rows(
            """
            SELECT c.relkind NOT IN ('r', 'p') OR EXISTS (
              SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique
                AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (
                  SELECT FROM pg_attribute a, generate_series(0, i.indnkeyatts - 1) n
                  WHERE a.attrelid = c.oid AND a.attnum = i.indkey[n] AND a.attname <> ALL($2)))
            FROM pg_class c WHERE c.oid = $1::regclass
            """, [settings.table, Self.array(settings.key)])
        guard unique.first?.first == "t" else {
            let names =
                settings.key.count == 1
                ? "column '\(settings.keyNames)' of \(settings.table) has"
                : "columns (\(settings.keyNames)) of \(settings.table) have"
            throw StageError(
                .fatal, stage: "source", "\(names) no unique index, so they do not name rows")
        }
        let watermark = try settings.watermark.map { name throws(StageError) in try column(name) }
        watermarkType = watermark?[1]
        for column in key + [watermark].compactMap({ $0 }) where column[2] != "t" {
            let name = column[0] ?? ""
            let found = try connection.rows(
                "SELECT EXISTS (SELECT FROM \(settings.table) WHERE \(Self.quoted(name)) IS NULL)")
            guard found.first?.first == "f" else {
                throw StageError(
                    .fatal, stage: "source",
                    "\(settings.table) has rows without '\(name)', which would be passed over")
            }
        }
    }

    static func quoted(_ name: String) -> String {
        "\""
            + name.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
    }

    /// A value of an array's type.
    static func array(_ texts: [String]) -> String {
        let elements = texts.map { text in
            // By scalars: a quotation mark with an accent over it is still one to PostgreSQL.
            "\""
                + text.unicodeScalars.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : "\($0)" }
                .joined() + "\""
        }
        return "{" + elements.joined(separator: ",") + "}"
    }

    /// The rows behind a position, in order.
    func page(
        _ connection: PostgresConnection, behind position: PostgresPosition?, _ limit: ReadLimit
    ) throws(StageError) -> [Row] {
        var parameters: [String] = []
        if let position {
            parameters += position.key
            if readsByWatermark { parameters.append(position.watermark ?? "") }
        }
        return try connection.rows(statement(hasPosition: position != nil, limit), parameters) {
            row -> Row? in
            let key = (4..<row.count).compactMap { row.text($0) }
            guard key.count == keyTypes.count else { return nil }
            return Row(
                key: key, watermark: row.text(0), time: row.text(1).flatMap { Int64($0) },
                byteCount: row.text(2).flatMap { Int($0) } ?? 0, json: row.bytes(3))
        }.compactMap(\.self)
    }

    /// The rows of some keys as they are now, by the keys' places in the list, and to how many of these
    /// that is an answer: two at least, and as many as have `limit.bytes` of JSON. A key without a row
    /// has none.
    func rows(
        _ connection: PostgresConnection, of keys: [[String]], _ limit: ReadLimit
    ) throws(StageError) -> (rows: [Int: Row], count: Int) {
        let most = settings.rowBytesMax
        let columns = keyTypes.indices
        let lists = columns.map { "$\($0 + 1)::\(keyTypes[$0])[]" }.joined(separator: ", ")
        let names = columns.map { "k\($0)" }.joined(separator: ", ")
        let join = columns.map { "apus_t.\(Self.quoted(settings.key[$0])) = apus_keys.k\($0)" }
        let found = try connection.rows(
            """
            SELECT apus_i, apus_n, CASE WHEN apus_n <= \(most) THEN apus_j END
            FROM (
              SELECT apus_i, apus_j, apus_n, sum(least(apus_n, \(most))) OVER (ORDER BY apus_i)
                - least(apus_n, \(most)) apus_before
              FROM (
                SELECT apus_i, apus_j, octet_length(apus_j) apus_n FROM (
                  SELECT apus_keys.i apus_i, row_to_json(\(content))::text apus_j
                  FROM unnest(\(lists)) WITH ORDINALITY apus_keys(\(names), i)
                  JOIN \(settings.table) apus_t ON \(join.joined(separator: " AND "))
                ) apus_rows
              ) apus_sized
            ) apus_counted
            WHERE apus_before < \(limit.bytes) OR apus_i <= 2 ORDER BY apus_i
            """, columns.map { column in Self.array(keys.map { $0[column] }) })
        var rows: [Int: Row] = [:]
        var byteCount = 0
        var last = 0
        for row in found {
            guard let place = row[0].flatMap({ Int($0) }), keys.indices.contains(place - 1) else {
                continue
            }
            let size = row[1].flatMap { Int($0) } ?? 0
            byteCount += min(size, most)
            last = place
            rows[place - 1] = Row(
                key: keys[place - 1], byteCount: size, json: row[2].map { Array($0.utf8) })
        }
        return (rows, byteCount < limit.bytes ? keys.count : max(last, min(2, keys.count)))
    }

    /// What of a row becomes JSON.
    private var content: String {
        settings.columns.map { names in
            "(SELECT apus_c FROM (SELECT "
                + names.map { "apus_t." + Self.quoted($0) }.joined(separator: ", ") + ") apus_c)"
        } ?? "apus_t"
    }

    private var readsByWatermark: Bool { settings.watermark != nil && !keysOnly }

    private var isTime: Bool {
        watermarkType.map { $0.hasPrefix("timestamp") || $0 == "date" } ?? false
    }

    /// A page ends when its rows' JSON has `limit.bytes`: the server adds it up, so that neither side
    /// holds more.
    private func statement(hasPosition: Bool, _ limit: ReadLimit) -> String {
        let keys = settings.key.map(Self.quoted)
        let key = keys.joined(separator: ", ")
        let last = keyTypes.indices.map { "$\($0 + 1)::\(keyTypes[$0])" }.joined(separator: ", ")
        var conditions: [String] = []
        var order = key
        var time = "NULL::bigint"
        var watermark = "NULL::text"
        if readsByWatermark, let name = settings.watermark, let type = watermarkType {
            let column = Self.quoted(name)
            order = "\(column), \(key)"
            watermark = "\(column)::text"
            if isTime { time = "(extract(epoch FROM \(column)) * 1000)::bigint" }
            if hasPosition {
                conditions.append("(\(column), \(key)) > ($\(keys.count + 1)::\(type), \(last))")
            }
            if isTime { conditions.append("\(column) < \(horizon)") }
        } else if hasPosition {
            conditions.append("(\(key)) > (\(last))")
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        let page =
            "SELECT * FROM \(settings.table) \(filter) ORDER BY \(order) LIMIT \(limit.records)"
        if keysOnly {
            return """
                SELECT NULL, NULL, 0, NULL, \(keys.map { "\($0)::text" }.joined(separator: ", "))
                FROM (\(page)) apus_t ORDER BY \(order)
                """
        }
        let most = settings.rowBytesMax
        let names = keys.indices.map { "apus_k\($0)" }.joined(separator: ", ")
        let texts = keys.enumerated().map { "\($1)::text apus_k\($0)" }.joined(separator: ", ")
        return """
            SELECT apus_w, apus_ms, apus_n, CASE WHEN apus_n <= \(most) THEN apus_j END, \(names)
            FROM (
              SELECT *, sum(least(apus_n, \(most))) OVER (ORDER BY apus_r) - least(apus_n, \(most))
                apus_before
              FROM (
                SELECT apus_r, \(names), apus_w, apus_ms, apus_j,
                  octet_length(apus_j) apus_n
                FROM (
                  SELECT row_number() OVER (ORDER BY \(order)) apus_r, \(texts),
                    \(watermark) apus_w, \(time) apus_ms,
                    row_to_json(\(content))::text apus_j
                  FROM (\(page)) apus_t
                ) apus_rows
              ) apus_sized
            ) apus_counted
            WHERE apus_before < \(limit.bytes) ORDER BY apus_r
            """
    }

    /// What is older cannot change any more: no transaction that is under way began before it.
    private var horizon: String {
        let settle = settings.settle / .milliseconds(1)
        return """
            (SELECT least(min(xact_start), now()) - interval '\(settle) milliseconds'
              FROM pg_stat_activity
              WHERE datname = current_database() AND pid <> pg_backend_pid())
            """
    }
}
