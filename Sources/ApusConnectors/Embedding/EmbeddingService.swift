internal import ApusCore
internal import ApusPipeline

/// A model of a server that answers over HTTP: what the embedders behind one have in common.
package struct EmbeddingService: Sendable {
    package struct Settings: Sendable {
        /// The members of a declaration that say them.
        static let members = ["url", "model", "version", "dimension", "key", "timeout"]

        package var url: String
        package var model: String
        /// Part of what a vector comes from: changes when the server's weights do.
        package var version: String?
        package var dimension: Int
        /// Sent as a bearer token.
        package var key: Reference?
        package var timeout = Duration.seconds(60)

        /// `values` are the members of `declaration`.
        init(
            _ values: [String: Declaration], of declaration: Declaration
        ) throws(DeclarationProblem) {
            url = try values.required("url", of: declaration).text()
            model = try values.required("model", of: declaration).text()
            dimension = try values.required("dimension", of: declaration).integer(1...65_536)
            version = try values["version"]?.text()
            if let key = values["key"] { self.key = try Reference(secret: key) }
            if let timeout = values["timeout"] { self.timeout = try timeout.duration() }
        }

        var embeddingModel: EmbeddingModel {
            EmbeddingModel(
                id: model, version: version ?? "", dimension: dimension, isNormalized: false)
        }
    }

    let model: EmbeddingModel
    private let service: HTTPService

    init(_ settings: Settings) throws(StageError) {
        model = settings.embeddingModel
        var service = HTTPService(stage: "embed", base: settings.url)
        service.timeout = settings.timeout
        if let key = settings.key {
            service.headers.append(("authorization", "Bearer \(try key.value())"))
        }
        self.service = service
    }

    /// What `read` makes of the answer to a request; an answer that it cannot read may be better
    /// next time.
    func ask<Answer>(
        _ path: String, _ request: JSONValue,
        _ read: (inout JSONParser) throws(MalformedJSON) -> Answer
    ) async throws(StageError) -> Answer {
        let answer = try await service.call(.post, path, body: JSONText.bytes(of: request))
        do throws(MalformedJSON) {
            var parser = JSONParser(answer.body)
            return try read(&parser)
        } catch {
            throw unusable(
                path, "at byte \(error.offset) expected \(error.expected), found \(error.found)")
        }
    }

    /// The error of an answer that is not one of the protocol.
    func unusable(_ path: String, _ what: String) -> StageError {
        StageError(
            .transient(after: nil), stage: "embed",
            "\(service.base)\(path) gave no answer of the protocol: \(what)")
    }
}
