/// What is wrong with a configuration, and where: a file and line, a variable or an option.
package struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    package var place: String
    package var reason: String

    package init(place: String, reason: String) {
        self.place = place
        self.reason = reason
    }

    package var description: String { "\(place): \(reason)" }
}

/// Where settings come from: a file, over it the environment, over that the command line.
package struct ConfigurationSources: Sendable {
    package var file: SettingsFile?
    package var environment: [String: String]
    /// The place is the option as the user wrote it.
    package var options: [(key: String, text: String, place: String)]

    package init(
        file: SettingsFile? = nil, environment: [String: String] = [:],
        options: [(key: String, text: String, place: String)] = []
    ) {
        self.file = file
        self.environment = environment
        self.options = options
    }

    /// The settings together, checked. Throws all that is wrong, not only the first.
    package func effective() throws(ConfigurationErrors) -> EffectiveConfiguration {
        var errors: [ConfigurationError] = []
        let settings = Dictionary(uniqueKeysWithValues: Setting.all.map { ($0.key, $0) })
        var values: [String: EffectiveConfiguration.Value] = [:]
        for (key, text, place) in given() {
            guard let setting = settings[key] else {
                errors.append(
                    ConfigurationError(place: place, reason: "there is no setting `\(key)`"))
                continue
            }
            if setting.isSecret, place.hasPrefix("--") {
                errors.append(
                    ConfigurationError(
                        place: place,
                        reason: "`\(key)` is a secret: other users of the machine can read "
                            + "arguments; use \(setting.variable) or a file"))
                continue
            }
            values[key] = EffectiveConfiguration.Value(text: text, place: place)
        }
        var configuration = ServerConfiguration()
        for setting in Setting.all {
            guard let value = values[setting.key] else { continue }
            do throws(Setting.Refusal) {
                try setting.apply(value.text, to: &configuration)
            } catch {
                let shown = setting.isSecret ? "" : " is `\(value.text)`,"
                errors.append(
                    ConfigurationError(
                        place: value.place, reason: "`\(setting.key)`\(shown) \(error.reason)"))
            }
        }
        if errors.isEmpty { errors = configuration.contradictions }
        guard errors.isEmpty else { throw ConfigurationErrors(errors) }
        return EffectiveConfiguration(configuration: configuration, values: values)
    }

    /// Every value that somebody gave, weakest first.
    private func given() -> [(key: String, text: String, place: String)] {
        var given: [(key: String, text: String, place: String)] = []
        if let file {
            given += file.entries.map { ($0.key, $0.text, "\(file.path):\($0.line)") }
        }
        // Variables that no setting has are others' business: clusters set some for each service.
        for setting in Setting.all {
            for name in [setting.olderVariable, setting.variable].compactMap(\.self) {
                if let text = environment[name] { given.append((setting.key, text, name)) }
            }
        }
        return given + options
    }
}

package struct ConfigurationErrors: Error, Hashable, CustomStringConvertible {
    package let errors: [ConfigurationError]

    init(_ errors: [ConfigurationError]) { self.errors = errors }

    package var description: String { errors.map(\.description).joined(separator: "\n") }
}

/// A configuration, and who said what of it.
package struct EffectiveConfiguration: Sendable {
    struct Value: Hashable, Sendable {
        var text: String
        var place: String
    }

    package let configuration: ServerConfiguration
    let values: [String: Value]

    /// Every setting with its value and its source, a line each; secrets are hidden.
    package var listing: String {
        let lines = Setting.all.map { setting -> (String, String) in
            let value = values[setting.key]
            let text = value?.text ?? setting.defaultText
            let shown = text.isEmpty ? "(unset)" : setting.isSecret ? "(hidden)" : text
            return ("\(setting.key): \(shown)", value?.place ?? "default")
        }
        let width = lines.reduce(0) { max($0, $1.0.count) }
        return lines.map { line in
            line.0 + String(repeating: " ", count: width - line.0.count) + "  # \(line.1)\n"
        }.joined()
    }
}

extension ServerConfiguration {
    /// What single settings cannot tell: those that need or exclude each other.
    var contradictions: [ConfigurationError] {
        var errors: [ConfigurationError] = []
        func check(_ isRight: Bool, _ key: String, _ reason: String) {
            if !isRight { errors.append(ConfigurationError(place: key, reason: reason)) }
        }
        check(!dataPath.isEmpty, "storage.data", "is not set (--data DIR)")
        check(
            (tls.certificatePath == nil) == (tls.keyPath == nil), "tls.certificate",
            "needs tls.key, and the other way round")
        check(
            tls.clientAuthoritiesPath == nil || tls.isOn, "tls.client_ca", "needs tls.certificate")
        check(
            httpPort == 0 || httpPort != grpcPort, "server.grpc_port",
            "is the same as server.http_port")
        for (key, text, path) in [
            ("auth.api_key", auth.apiKey, auth.apiKeyPath),
            ("auth.read_only_api_key", auth.readOnlyKey, auth.readOnlyKeyPath),
            ("auth.jwt.secret", auth.jwt.secret, auth.jwt.secretPath),
        ] {
            check(text == nil || path == nil, key, "and \(key)_file exclude each other")
        }
        check(
            auth.jwt.isOn || (auth.jwt.issuer == nil && auth.jwt.audience == nil), "auth.jwt",
            "has no key: set auth.jwt.secret, auth.jwt.secret_file or auth.jwt.jwks_file")
        for (key, url) in [
            ("auth.opa.url", auth.opa.url), ("traces.endpoint", traces.otlp.endpoint),
            ("metrics.endpoint", metrics.otlp.endpoint),
        ] {
            check(
                url.map { $0.hasPrefix("http://") || $0.hasPrefix("https://") } ?? true, key,
                "must begin with http:// or https://")
        }
        for (key, otlp) in [("traces.endpoint", traces.otlp), ("metrics.endpoint", metrics.otlp)]
        where otlp.transport == .grpc {
            check(
                otlp.endpoint.map { CollectorAddress(url: $0) != nil } ?? true, key,
                CollectorAddress.form)
        }
        return errors
    }
}
