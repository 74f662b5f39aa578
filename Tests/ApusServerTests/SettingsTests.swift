import ApusServer
import Foundation
import Testing

@Suite("Settings come from a file, the environment and options, and each error says where")
struct SettingsTests {
    private static func effective(
        file: String? = nil, environment: [String: String] = [:],
        options: [(key: String, text: String, place: String)] = []
    ) throws -> EffectiveConfiguration {
        try ConfigurationSources(
            file: try file.map { try SettingsFile(text: $0, path: "apus.yaml") },
            environment: environment, options: options
        ).effective()
    }

    private static func errors(
        file: String? = nil, environment: [String: String] = [:],
        options: [(key: String, text: String, place: String)] = []
    ) -> [String] {
        do {
            _ = try effective(file: file, environment: environment, options: options)
            return []
        } catch let errors as ConfigurationErrors {
            return errors.errors.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test("An option beats the environment, which beats the file")
    func precedence() throws {
        let file = """
            storage: {data: /a}
            server:
              http_port: 1
              grpc_port: 2
              host: 10.0.0.1
            """
        let configuration = try Self.effective(
            file: file, environment: ["APUS_SERVER_HTTP_PORT": "3", "APUS_SERVER_GRPC_PORT": "4"],
            options: [("server.grpc_port", "5", "--grpc-port")]
        ).configuration
        #expect(configuration.dataPath == "/a")
        #expect(configuration.host == "10.0.0.1")
        #expect(configuration.httpPort == 3)
        #expect(configuration.grpcPort == 5)
    }

    @Test("An unknown key is an error with its file and line")
    func unknownKey() {
        let file = "storage:\n  data: /a\nserver:\n  htpp_port: 6333\n"
        #expect(
            Self.errors(file: file) == ["apus.yaml:4: there is no setting `server.htpp_port`"])
    }

    @Test("Every wrong value is named with its place and its range, all at once")
    func wrongValues() {
        let errors = Self.errors(
            file: "storage: {data: /a, memory_limit: lots}\n",
            environment: ["APUS_SERVER_HTTP_PORT": "65536"],
            options: [("log.level", "loud", "--log-level")])
        #expect(errors.count == 3)
        #expect(errors.contains { $0.hasPrefix("apus.yaml:1: `storage.memory_limit` is `lots`") })
        #expect(
            errors.contains {
                $0 == "APUS_SERVER_HTTP_PORT: `server.http_port` is `65536`, expected a whole "
                    + "number in 0…65535"
            })
        #expect(errors.contains { $0.hasPrefix("--log-level: `log.level` is `loud`") })
    }

    @Test(
        "What is no mapping of settings is refused with its line, without its text",
        arguments: ["- a\n", "storage: [", "storage: {data: /a}\nstorage: {data: secret}\n"])
    func noYAML(text: String) {
        let errors = Self.errors(file: text)
        #expect(errors.count == 1)
        #expect(errors.allSatisfy { $0.hasPrefix("apus.yaml") && !$0.contains("secret") })
    }

    @Test("A secret on the command line is refused; elsewhere it is taken and never shown")
    func secrets() throws {
        let refused = Self.errors(options: [
            ("storage.data", "/a", "--data"), ("auth.api_key", "hush", "--set auth.api_key"),
        ])
        #expect(refused.count == 1)
        #expect(refused.allSatisfy { $0.contains("is a secret") && !$0.contains("hush") })
        for variable in ["APUS_AUTH_API_KEY", "APUS_API_KEY"] {
            let effective = try Self.effective(
                file: "storage: {data: /a}\n", environment: [variable: "hush"])
            #expect(effective.configuration.auth.apiKey == "hush")
            #expect(!effective.listing.contains("hush"))
            #expect(effective.listing.contains("auth.api_key: (hidden)"))
            #expect(effective.listing.contains("# \(variable)"))
        }
    }

    @Test("Settings that need or exclude each other are checked together")
    func contradictions() {
        #expect(Self.errors() == ["storage.data: is not set (--data DIR)"])
        let file = """
            storage: {data: /a}
            tls: {certificate: /cert.pem}
            auth: {api_key: a, api_key_file: /b, opa: {url: "ftp://x"}}
            server: {http_port: 7000, grpc_port: 7000}
            traces: {endpoint: "http://collector:99999", protocol: grpc}
            """
        let errors = Self.errors(file: file)
        #expect(errors.count == 5)
        for key in [
            "tls.certificate", "auth.api_key", "auth.opa.url", "server.grpc_port",
            "traces.endpoint",
        ] {
            #expect(errors.contains { $0.hasPrefix(key) })
        }
    }

    @Test("Every default is a value of its setting")
    func defaults() throws {
        for setting in Setting.all where !setting.defaultText.isEmpty {
            var configuration = ServerConfiguration()
            #expect(throws: Never.self, "\(setting.key)") {
                try setting.apply(setting.defaultText, to: &configuration)
            }
        }
    }

    @Test("Every setting can be given in a file, and the listing names where it came from")
    func listing() throws {
        let effective = try Self.effective(
            file: "storage: {data: /a}\nlimits: {reads_max: 7}\n",
            options: [("server.host", "::1", "--host")])
        let lines = effective.listing.split(separator: "\n")
        #expect(lines.count == Setting.all.count)
        #expect(
            lines.contains { $0.hasPrefix("limits.reads_max: 7 ") && $0.hasSuffix("# apus.yaml:2") }
        )
        #expect(lines.contains { $0.hasPrefix("server.host: ::1 ") && $0.hasSuffix("# --host") })
        #expect(lines.contains { $0.hasPrefix("log.level: info ") && $0.hasSuffix("# default") })
        #expect(effective.configuration.limits.readsMax == 7)
    }

    @Test(
        "Bytes and times are read with their units and written in the largest that fits",
        arguments: [("64KiB", 65_536), ("1500000", 1_500_000), ("8GiB", 8 << 30), ("0B", 0)])
    func bytes(text: String, count: Int) {
        #expect(ByteCount.parse(text) == count)
        #expect(ByteCount.parse(ByteCount.text(count)) == count)
        for wrong in ["", "x", "-1", "1.5GiB", "9223372036854775807KiB"] {
            #expect(ByteCount.parse(wrong) == nil)
        }
    }

    @Test func durations() {
        for (text, duration) in [
            ("500ms", Duration.milliseconds(500)), ("10s", .seconds(10)), ("5m", .seconds(300)),
            ("24h", .seconds(86_400)), ("0s", .zero),
        ] {
            #expect(DurationText.parse(text) == duration)
            #expect(DurationText.text(duration) == (text == "24h" ? "24h" : text))
        }
        for wrong in ["", "s", "10", "-1s", "1.5s", "99999999999999999h"] {
            #expect(DurationText.parse(wrong) == nil)
        }
    }

    @Test("The table in docs/operations.md is the settings")
    func documentation() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(
            contentsOf: root.appending(path: "docs/operations.md"), encoding: .utf8)
        let rows = text.split(separator: "\n").filter {
            $0.hasPrefix("| `") && $0.contains("APUS_")
        }
        let expected = Setting.all.map { setting in
            let shown = setting.defaultText.isEmpty ? "" : "`\(setting.defaultText)`"
            let older = setting.olderVariable.map { ", `\($0)`" } ?? ""
            let secret = setting.isSecret ? " Secret." : ""
            return
                "| `\(setting.key)` | `\(setting.variable)`\(older) | \(shown) | \(setting.form) |"
                + " \(setting.about)\(secret) |"
        }
        // Defaults that depend on the machine are described, not given.
        let machine = ["engine.search_threads", "engine.index_threads"]
        for (row, wanted) in zip(rows, expected)
        where !machine.contains(where: { row.contains("`\($0)`") }) {
            #expect(String(row) == wanted)
        }
        #expect(rows.count == expected.count)
    }
}
