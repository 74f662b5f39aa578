private import AsyncHTTPClient
package import ApusPipeline
private import Foundation
private import NIOCore
private import NIOHTTP1

/// A service that answers over HTTP, with its failures told apart by what is to be done about them.
package struct HTTPService: Sendable {
    /// What errors call it.
    package var stage: String
    /// Without a slash at its end.
    package var base: String
    package var headers: [(name: String, value: String)] = []
    /// From the start of a call to the last byte of its answer.
    package var timeout = Duration.seconds(60)
    /// A longer answer is an error.
    package var answerBytesMax = 256 << 20

    package init(stage: String, base: String) {
        self.stage = stage
        self.base = base.hasSuffix("/") ? String(base.dropLast()) : base
    }

    /// Names a user by basic authentication.
    package mutating func authorize(user: String, password: String) {
        let pair = Data("\(user):\(password)".utf8)
        headers.append(("authorization", "Basic " + pair.base64EncodedString()))
    }

    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case head = "HEAD"
        case delete = "DELETE"
    }

    package struct Answer: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: [UInt8]
    }

    /// The answer of a call that succeeded. `path` begins with a slash.
    package func call(
        _ method: Method, _ path: String, body: [UInt8]? = nil,
        type: String = "application/json", headers more: [(name: String, value: String)] = []
    ) async throws(StageError) -> Answer {
        let answer = try await exchange(method, path, body, type, more)
        guard !(200..<300).contains(answer.status) else { return answer }
        throw failure(answer, path)
    }

    /// A connection that is refused is told at once: how often to try again is for the caller to say.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration.singletonConfiguration
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(
            eventLoopGroupProvider: .shared(HTTPClient.defaultEventLoopGroup),
            configuration: configuration)
    }()

    private func exchange(
        _ method: Method, _ path: String, _ body: [UInt8]?, _ type: String,
        _ more: [(name: String, value: String)]
    ) async throws(StageError) -> Answer {
        var request = HTTPClientRequest(url: base + path)
        request.method = HTTPMethod(rawValue: method.rawValue)
        for (name, value) in headers + more { request.headers.add(name: name, value: value) }
        if let body {
            request.headers.replaceOrAdd(name: "content-type", value: type)
            request.body = .bytes(body)
        }
        do {
            let seconds = timeout / .seconds(1)
            let response = try await Self.client.execute(
                request, timeout: .nanoseconds(Int64(seconds * 1e9)))
            let content = try await response.body.collect(upTo: answerBytesMax)
            var headers: [String: String] = [:]
            for (name, value) in response.headers { headers[name.lowercased()] = value }
            return Answer(
                status: Int(response.status.code), headers: headers,
                body: Array(content.readableBytesView))
        } catch is NIOTooManyBytesError {
            throw StageError(
                .refused, stage: stage,
                "\(base)\(path): an answer of more than \(answerBytesMax) bytes")
        } catch let error as HTTPClientError where Self.isMistake(error) {
            throw StageError(.fatal, stage: stage, "\(base)\(path): \(error)")
        } catch {
            throw StageError(
                .transient(after: nil), stage: stage, "\(base)\(path): \(Self.text(of: error))")
        }
    }

    /// Whether no later try can succeed.
    private static func isMistake(_ error: HTTPClientError) -> Bool {
        error == .invalidURL || error == .emptyHost || error == .emptyScheme
            || error == .missingSocketPath
    }

    private static func text(of error: any Error) -> String {
        if let error = error as? HTTPClientError { return error.shortDescription }
        return "\(error)"
    }

    private func failure(_ answer: Answer, _ path: String) -> StageError {
        let text = String(decoding: answer.body.prefix(400), as: UTF8.self)
        let message = "\(base)\(path) answered \(answer.status): \(text)"
        switch answer.status {
        // 412: what a part was asked of is not the same any more.
        case 408, 412, 425, 429, 500...599:
            let seconds = answer.headers["retry-after"].flatMap { Double($0) }
            let after = seconds.flatMap { $0.isFinite && $0 >= 0 ? Duration.seconds($0) : nil }
            return StageError(.transient(after: after), stage: stage, message)
        case 400, 413, 422: return StageError(.refused, stage: stage, message)
        default: return StageError(.fatal, stage: stage, message)
        }
    }
}
