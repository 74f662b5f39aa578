private import Foundation
package import NIOSSL
import Synchronization

/// The certificates of both doors, taken anew from their files without a restart.
///
/// Connections that are open go on with what they began with; every new one gets the newest.
package final class TLSIdentity: Sendable {
    private let settings: ServerConfiguration.TLS
    private let contexts: Mutex<Contexts>

    private struct Contexts {
        var http: NIOSSLContext
        var grpc: NIOSSLContext
    }

    /// nil: the doors speak plain text. Throws `ConfigurationError` that names the setting and file.
    package init?(_ settings: ServerConfiguration.TLS) throws {
        guard settings.isOn else { return nil }
        self.settings = settings
        contexts = Mutex(try Self.contexts(settings))
    }

    package var files: [String] {
        [settings.certificatePath, settings.keyPath, settings.clientAuthoritiesPath]
            .compactMap(\.self)
    }

    /// When a file is wrong, everything stays as it was.
    package func reload() throws {
        let new = try Self.contexts(settings)
        contexts.withLock { $0 = new }
    }

    package var http: NIOSSLContext { contexts.withLock { $0.http } }
    package var grpc: NIOSSLContext { contexts.withLock { $0.grpc } }

    private static func contexts(_ settings: ServerConfiguration.TLS) throws -> Contexts {
        let certificatePath = settings.certificatePath ?? ""
        let keyPath = settings.keyPath ?? ""
        let chain = try reading("tls.certificate", certificatePath) {
            try NIOSSLCertificate.fromPEMFile(certificatePath)
        }
        let key = try reading("tls.key", keyPath) {
            try NIOSSLPrivateKey(file: keyPath, format: .pem)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        if let path = settings.clientAuthoritiesPath {
            let authorities = try reading("tls.client_ca", path) {
                try NIOSSLCertificate.fromPEMFile(path)
            }
            configuration.trustRoots = .certificates(authorities)
            // Names in clients' certificates are theirs, not hosts.
            configuration.certificateVerification = .noHostnameVerification
        }
        return Contexts(
            http: try context(configuration, ["http/1.1"]),
            grpc: try context(configuration, ["h2"]))
    }

    private static func context(
        _ configuration: TLSConfiguration, _ protocols: [String]
    ) throws -> NIOSSLContext {
        var configuration = configuration
        configuration.applicationProtocols = protocols
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ConfigurationError(
                place: "tls.certificate", reason: "certificate and key do not fit: \(error)")
        }
    }

    private static func reading<Value>(
        _ setting: String, _ path: String, _ body: () throws -> Value
    ) throws -> Value {
        do {
            return try body()
        } catch {
            throw ConfigurationError(place: setting, reason: "\(path): \(error)")
        }
    }
}
