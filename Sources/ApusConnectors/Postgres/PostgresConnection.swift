internal import ApusPipeline
private import CPostgres

/// A connection to a PostgreSQL server, for one thread. Values are texts, as the server writes them.
@safe
final class PostgresConnection {
    private let connection: OpaquePointer
    private let stage: String

    /// Connects. `parameters` is a connection string or a URI as libpq takes it.
    init(_ parameters: String, stage: String) throws(StageError) {
        self.stage = stage
        guard let connection = unsafe PQconnectdb(parameters) else {
            throw StageError(.transient(after: nil), stage: stage, "no memory for a connection")
        }
        unsafe self.connection = connection
        guard unsafe PQstatus(connection) == CONNECTION_OK else {
            // `deinit` ends it: an initializer that throws when all is set runs that.
            let message = unsafe Self.text(PQerrorMessage(connection))
            throw StageError(
                Self.isMistake(message) ? .fatal : .transient(after: nil), stage: stage, message)
        }
        unsafe PQsetClientEncoding(connection, "UTF8")
    }

    deinit { unsafe PQfinish(connection) }

    /// libpq has no code for what keeps a connection from being made, so it is the text that tells
    /// a server that is away from one that does not want us.
    private static func isMistake(_ message: String) -> Bool {
        [
            "authentication failed", "pg_hba.conf", "does not exist", "no password supplied",
            "not permitted to log in", "invalid connection option", "missing \"=\"",
            "invalid URI",
        ].contains { message.contains($0) }
    }

    private static func text(_ pointer: UnsafeMutablePointer<CChar>?) -> String {
        guard let pointer = unsafe pointer else { return "" }
        let text = unsafe String(cString: pointer)
        return String(text.split(whereSeparator: \.isNewline).joined(separator: " "))
    }

    /// The rows of a statement, nil where a value is NULL.
    func rows(
        _ statement: String, _ parameters: [String] = []
    ) throws(StageError) -> [[String?]] {
        try rows(statement, parameters) { row in (0..<row.count).map { row.text($0) } }
    }

    /// What `make` makes of each row of a statement.
    func rows<Row>(
        _ statement: String, _ parameters: [String] = [], _ make: (PostgresRow) -> Row
    ) throws(StageError) -> [Row] {
        let result: OpaquePointer? = unsafe Self.withCStrings(parameters) { pointers in
            unsafe PQexecParams(
                connection, statement, Int32(parameters.count), nil, pointers, nil, nil, 0)
        }
        guard let result = unsafe result else {
            throw StageError(
                .transient(after: nil), stage: stage, unsafe Self.text(PQerrorMessage(connection)))
        }
        defer { unsafe PQclear(result) }
        let status = unsafe PQresultStatus(result)
        guard status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK else {
            throw unsafe failure(result)
        }
        let count = Int(unsafe PQnfields(result))
        return (0..<(unsafe PQntuples(result))).map { number in
            make(unsafe PostgresRow(result: result, number: number, count: count))
        }
    }

    private func failure(_ result: OpaquePointer) -> StageError {
        // 'C' of PG_DIAG_SQLSTATE.
        let state = unsafe Self.text(PQresultErrorField(result, Int32(UInt8(ascii: "C"))))
        let message = unsafe Self.text(PQresultErrorMessage(result))
        // Connections, resources, shut-downs, rolled back transactions; without a code the
        // connection broke.
        let mayPass = ["08", "40", "53", "57P", "55P03", "55006"].contains { state.hasPrefix($0) }
        let isLost = state.isEmpty || (unsafe PQstatus(connection)) != CONNECTION_OK
        return StageError(
            mayPass || isLost ? .transient(after: nil) : .fatal, stage: stage,
            state.isEmpty ? message : "\(message) (\(state))")
    }

    private static func withCStrings<Value>(
        _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Value
    ) -> Value {
        var bytes: [CChar] = []
        var starts: [Int] = []
        for text in texts {
            starts.append(bytes.count)
            bytes += text.utf8CString
        }
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            let pointers = unsafe starts.map { start in
                unsafe buffer.baseAddress.map { unsafe $0 + start }
            }
            return unsafe pointers.withUnsafeBufferPointer { unsafe body($0.baseAddress) }
        }
    }
}

/// A row of a result, for as long as it is looked at.
@safe
struct PostgresRow {
    fileprivate let result: OpaquePointer
    fileprivate let number: Int32
    /// Of its values.
    let count: Int

    /// A value; nil where it is NULL.
    func text(_ column: Int) -> String? {
        unsafe utf8(column).map { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// The same as UTF-8.
    func bytes(_ column: Int) -> [UInt8]? { unsafe utf8(column).map { unsafe Array($0) } }

    private func utf8(_ column: Int) -> UnsafeRawBufferPointer? {
        // libpq answers for columns that there are not, too.
        let column = Int32(clamping: column)
        guard unsafe PQgetisnull(result, number, column) == 0,
            let value = unsafe PQgetvalue(result, number, column)
        else { return nil }
        return unsafe UnsafeRawBufferPointer(
            start: value, count: Int(PQgetlength(result, number, column)))
    }
}
