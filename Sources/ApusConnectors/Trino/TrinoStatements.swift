internal import ApusCore
internal import ApusPipeline
private import Foundation

/// Statements by the client protocol of Trino and Presto: a statement is posted, and its results
/// come in pages, each of which says where the next one is.
struct TrinoStatements: Sendable {
    private let service: HTTPService
    private let url: String

    /// Pages of one statement; more are a server that goes round in circles.
    private static let pagesMax = 1_000_000

    init(_ settings: TrinoOrigin.Settings) throws(StageError) {
        url = settings.url
        var service = HTTPService(stage: "source", base: settings.url)
        let prefix = settings.isPresto ? "x-presto-" : "x-trino-"
        service.headers = [(prefix + "user", settings.user), (prefix + "source", "apus")]
        if let catalog = settings.catalog { service.headers.append((prefix + "catalog", catalog)) }
        if let schema = settings.schema { service.headers.append((prefix + "schema", schema)) }
        if let password = settings.password {
            service.authorize(user: settings.user, password: try password.value())
        }
        self.service = service
    }

    /// All rows of a statement, by the names of its columns.
    func rows(_ statement: String) async throws -> [Payload] {
        var page = try await ask(.post, "/v1/statement", body: Array(statement.utf8))
        var rows: [Payload] = []
        var names: [String] = []
        for _ in 0..<Self.pagesMax {
            try Task.checkCancellation()
            try Self.check(page)
            if names.isEmpty, case .array(let columns)? = page["columns"] {
                names = columns.map { column in
                    guard case .object(let members) = column,
                        case .string(let name)? = members["name"]
                    else { return "" }
                    return name
                }
            }
            if case .array(let data)? = page["data"] {
                for row in data { rows.append(try fields(of: row, names)) }
            }
            guard case .string(let next)? = page["nextUri"] else { return rows }
            page = try await ask(.get, try path(of: next))
        }
        throw unusable("more than \(Self.pagesMax) pages of one statement")
    }

    private func ask(
        _ method: HTTPService.Method, _ path: String, body: [UInt8]? = nil
    ) async throws -> Payload {
        // A page that is not ready makes the server wait for a while itself; 502, 503 and 504 say to
        // ask again, and the page is still there.
        var retry = Retry()
        (retry.tries, retry.first, retry.longest) = (5, .milliseconds(100), .seconds(2))
        let answer = try await retry.run {
            try await service.call(method, path, body: body, type: "text/plain")
        }
        do throws(MalformedJSON) {
            var parser = JSONParser(answer.body)
            let page = try parser.readObject()
            try parser.readEnd()
            return page
        } catch {
            throw unusable(
                "at byte \(error.offset) expected \(error.expected), found \(error.found)")
        }
    }

    private static func check(_ page: Payload) throws(StageError) {
        guard case .object(let error)? = page["error"] else { return }
        let name = error["errorName"]?.plainText ?? "an error"
        let message = error["message"]?.plainText ?? ""
        // What is wrong with the statement, or with who asks, stays wrong.
        let isMistake = error["errorType"] == .string("USER_ERROR")
        throw StageError(
            isMistake ? .fatal : .transient(after: nil), stage: "source", "\(name): \(message)")
    }

    private func fields(of row: JSONValue, _ names: [String]) throws(StageError) -> Payload {
        guard case .array(let values) = row, values.count == names.count else {
            throw unusable("a row that does not have \(names.count) values")
        }
        return Payload(zip(names, values)) { $1 }
    }

    /// The path of a page, which must be of the same server: it gets our credentials.
    private func path(of next: String) throws(StageError) -> String {
        guard let url = URL(string: next), let own = URL(string: self.url),
            url.scheme == own.scheme, url.host() == own.host(), url.port == own.port,
            next.hasPrefix(service.base + "/")
        else {
            throw StageError(
                .fatal, stage: "source", "\(self.url) sends to another server: \(next.prefix(200))")
        }
        return String(next.dropFirst(service.base.count))
    }

    private func unusable(_ what: String) -> StageError {
        StageError(
            .transient(after: nil), stage: "source",
            "\(url) gave no answer of the protocol: \(what)")
    }
}
