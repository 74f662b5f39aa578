import AsyncHTTPClient
import Foundation
import GRPCCore
import GRPCNIOTransportHTTP2

/// Where signals go by the OpenTelemetry protocol, over HTTP or gRPC.
struct OTLPCollector: Sendable {
    /// What is sent, and the names that it has for a collector.
    enum Signal {
        case traces, metrics

        var service: String {
            switch self {
            case .traces: "opentelemetry.proto.collector.trace.v1.TraceService"
            case .metrics: "opentelemetry.proto.collector.metrics.v1.MetricsService"
            }
        }
    }

    /// Seconds that an answer is waited for: as long a stopping server may be held up.
    private static let timeout = 3

    let signal: Signal
    private let url: String
    private let headers: [(name: String, value: String)]
    private let usesGRPC: Bool
    private let client: HTTPClient

    /// nil: the settings name no collector.
    init?(_ signal: Signal, _ settings: ServerConfiguration.OTLP, client: HTTPClient) {
        guard let endpoint = settings.endpoint else { return nil }
        self.signal = signal
        self.client = client
        url = endpoint
        usesGRPC = settings.transport == .grpc
        headers = (settings.headers ?? "").split(separator: ",").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { return nil }
            return (parts[0].trimmingSpaces.lowercased(), parts[1].trimmingSpaces)
        }
    }

    /// Connects for as long as `body` runs, which sends requests. A collector that is away costs each
    /// of them, and nothing else.
    func connected<Value: Sendable>(
        _ body:
            @Sendable (_ send: @escaping @Sendable ([UInt8]) async throws -> Void) async -> Value
    ) async throws -> Value {
        guard usesGRPC else { return await body { try await post($0) } }
        let client = GRPCClient(transport: try transport())
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await client.runConnections() }
            let value = await body { try await call($0, client) }
            // Nothing is under way any more. To end in order would wait for names that do not resolve.
            group.cancelAll()
            return value
        }
    }

    // MARK: HTTP

    private func post(_ message: [UInt8]) async throws {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/x-protobuf")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(message)
        let answer = try await client.execute(
            request, timeout: .seconds(Int64(Self.timeout)))
        guard (200..<300).contains(answer.status.code) else {
            throw Refused(status: Int(answer.status.code))
        }
    }

    private struct Refused: Error, CustomStringConvertible {
        var status: Int
        var description: String { "the collector answered \(status)" }
    }

    // MARK: gRPC

    /// To `http://host:port` in clear, to `https://host:port` by TLS.
    private func transport() throws -> HTTP2ClientTransport.Posix {
        guard let place = CollectorAddress(url: url) else {
            throw ConfigurationError(place: url, reason: CollectorAddress.form)
        }
        return try HTTP2ClientTransport.Posix(
            target: .dns(host: place.host, port: place.port),
            transportSecurity: place.isSecure ? .tls : .plaintext)
    }

    private func call(
        _ message: [UInt8], _ client: GRPCClient<HTTP2ClientTransport.Posix>
    ) async throws {
        var metadata = Metadata()
        for (name, value) in headers { metadata.addString(value, forKey: name) }
        var options = CallOptions.defaults
        options.timeout = .seconds(Self.timeout)
        let method = MethodDescriptor(
            service: ServiceDescriptor(fullyQualifiedService: signal.service), method: "Export")
        try await client.unary(
            request: ClientRequest(message: message, metadata: metadata), descriptor: method,
            serializer: WrittenMessage(), deserializer: AnyAnswer(), options: options
        ) { response in
            try response.message
        }
    }

    /// Messages that are bytes already.
    private struct WrittenMessage: MessageSerializer {
        func serialize<Bytes: GRPCContiguousBytes>(_ message: [UInt8]) -> Bytes { Bytes(message) }
    }

    /// What an answer says beside that it was taken does not matter.
    private struct AnyAnswer: MessageDeserializer {
        func deserialize<Bytes: GRPCContiguousBytes>(_ serializedMessageBytes: Bytes) {}
    }
}

/// Host and port of an address such as `https://collector:4317`.
struct CollectorAddress {
    static let form = "must be like http://collector:4317"
    private static let portDefault = 4317

    let host: String
    let port: Int
    let isSecure: Bool

    /// nil: it is none.
    init?(url: String) {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty,
            parts.scheme == "http" || parts.scheme == "https",
            let port = UInt16(exactly: parts.port ?? Self.portDefault), port > 0
        else { return nil }
        // An IPv6 address stands in brackets.
        self.host = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
        self.port = Int(port)
        isSecure = parts.scheme == "https"
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        var text = drop { $0 == " " }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}
