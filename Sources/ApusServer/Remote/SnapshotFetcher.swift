import Apus
import ApusCore
import AsyncHTTPClient
import NIOCore
import NIOPosix

/// Fetches archives of snapshots over HTTP, from where the settings allow it and nowhere else.
///
/// Each address, that of a redirect too, must begin as one of `storage.recover_from`, and so must the
/// network address be one that such an entry permits: a name is resolved once, and the connection goes
/// to the address that was judged.
package struct SnapshotFetcher: Sendable {
    private static let redirectsMax = 5
    private static let connectTimeout = TimeAmount.seconds(10)
    /// Of silence.
    private static let readTimeout = TimeAmount.seconds(30)

    private let settings: ServerConfiguration.Recovery
    private let bytesMax: Int

    /// - Parameter bytesMax: of an archive.
    package init(_ settings: ServerConfiguration.Recovery = .init(), bytesMax: Int = 1 << 40) {
        self.settings = settings
        self.bytesMax = bytesMax
    }

    /// Writes what lies at an address to the upload.
    ///
    /// - Parameter apiKey: sent to the host of the address, and to none that it redirects to.
    /// - Throws: `unimplemented` while it is not configured, `permissionDenied` for an address that is
    ///   not allowed, `unavailable` and `timeout` for what a later call may find otherwise,
    ///   `invalidArgument` for other answers than an archive, `BodyTooLarge` for too large ones.
    func fetch(
        _ location: String, apiKey: String?, to upload: SnapshotUpload, of database: Database
    ) async throws {
        guard !settings.allowed.isEmpty else {
            throw DatabaseError(
                .unimplemented,
                "Not supported: recovering from a URL: this server fetches nothing "
                    + "(storage.recover_from); download the snapshot and upload it to "
                    + "/collections/{name}/snapshots/upload")
        }
        guard let first = RemoteURL(location) else {
            throw DatabaseError.wrongInput(
                "the snapshot's location is no plain URL: without user, fragment and dot segments")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await follow(first, apiKey: apiKey, to: upload, of: database) }
            // The client's own deadline ends with the head of an answer.
            group.addTask { [settings] in
                try await Task.sleep(for: settings.timeout)
                throw DatabaseError(.timeout, "\(first.shown): not fetched in time")
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func follow(
        _ first: RemoteURL, apiKey: String?, to upload: SnapshotUpload, of database: Database
    ) async throws {
        var url = first
        for _ in 0...Self.redirectsMax {
            let target = try await connected(to: url) { (client) -> RemoteURL? in
                var request = HTTPClientRequest(url: url.text)
                if let apiKey, url.hasSameOrigin(as: first) {
                    request.headers.add(name: "api-key", value: apiKey)
                }
                let answer = try await client.execute(
                    request, timeout: TimeAmount(settings.timeout))
                if let target = try Self.redirect(answer, from: url) { return target }
                try await receive(answer) { piece in
                    try await database.perform { try upload.append(piece) }
                }
                return nil
            }
            guard let target else { return }
            url = target
        }
        throw DatabaseError.wrongInput(
            "\(first.shown) redirects more than \(Self.redirectsMax) times")
    }

    /// Where an answer leads; nil: it is the archive.
    private static func redirect(
        _ answer: HTTPClientResponse, from url: RemoteURL
    ) throws -> RemoteURL? {
        switch answer.status.code {
        case 200: return nil
        case 301, 302, 303, 307, 308:
            guard let target = answer.headers.first(name: "location").flatMap(url.redirected) else {
                throw DatabaseError.wrongInput("\(url.shown) redirects to no plain URL")
            }
            return target
        case 408, 429, 500...:
            throw DatabaseError(.unavailable, "\(url.shown) answered \(answer.status.code)")
        default:
            throw DatabaseError.wrongInput("\(url.shown) answered \(answer.status.code)")
        }
    }

    private func receive(
        _ answer: HTTPClientResponse, _ take: ([UInt8]) async throws -> Void
    ) async throws {
        let announced = answer.headers.first(name: "content-length").flatMap { Int($0) }
        if let announced, announced > bytesMax {
            throw BodyTooLarge(limit: bytesMax, announced: announced, what: "snapshot")
        }
        var count = 0
        for try await piece in answer.body {
            count += piece.readableBytes
            guard count <= bytesMax else {
                throw BodyTooLarge(limit: bytesMax, announced: nil, what: "snapshot")
            }
            try await take(Array(piece.readableBytesView))
        }
    }

    // MARK: Connections

    /// Runs `body` with a client that reaches the host of `url` at an address that is allowed, and that
    /// follows no redirect.
    private func connected<Value: Sendable>(
        to url: RemoteURL, _ body: (HTTPClient) async throws -> Value
    ) async throws -> Value {
        let prefixes = settings.allowed.filter { $0.covers(url) }
        guard !prefixes.isEmpty else {
            throw DatabaseError(
                .permissionDenied,
                "Forbidden: \(url.shown) is not among the addresses of storage.recover_from")
        }
        do {
            let (text, address) = try await Self.address(of: url)
            guard prefixes.contains(where: { $0.permits(address) }) else {
                throw DatabaseError(
                    .permissionDenied,
                    "Forbidden: \(url.shown) is at an address that is not open to everybody, and "
                        + "storage.recover_from does not name it")
            }
            var configuration = HTTPClient.Configuration(
                redirectConfiguration: .disallow,
                timeout: HTTPClient.Configuration.Timeout(
                    connect: Self.connectTimeout, read: Self.readTimeout),
                decompression: .disabled)
            configuration.dnsOverride = [url.host: text]
            configuration.connectionPool.retryConnectionEstablishment = false
            let client = HTTPClient(
                eventLoopGroupProvider: .shared(HTTPClient.defaultEventLoopGroup),
                configuration: configuration)
            do {
                let value = try await body(client)
                try await client.shutdown()
                return value
            } catch {
                try? await client.shutdown()
                throw error
            }
        } catch let error as DatabaseError {
            throw error
        } catch let error as BodyTooLarge {
            throw error
        } catch let error as CancellationError {
            throw error
        } catch let error as HTTPClientError {
            let isLate = error == .deadlineExceeded
            throw DatabaseError(
                isLate ? .timeout : .unavailable,
                "\(url.shown): \(isLate ? "not fetched in time" : error.shortDescription)")
        } catch {
            throw DatabaseError(.unavailable, "\(url.shown): \(error)")
        }
    }

    /// The first address of the host. A name is looked up on a thread for what blocks.
    private static func address(of url: RemoteURL) async throws -> (String, IPAddress) {
        if let address = IPAddress(url.host) { return (url.host, address) }
        let found = try await NIOThreadPool.singleton.runIfActive {
            try SocketAddress.makeAddressResolvingHost(url.host, port: url.port).ipAddress
        }
        guard let found, let address = IPAddress(found) else {
            throw DatabaseError(.unavailable, "\(url.shown): the host has no address")
        }
        return (found, address)
    }
}
