/// One thing that a server can be told: how it is called, what it may be, and where it goes.
///
/// Every value is text, whether it comes from a file, the environment or the command line, so
/// that all three are read by the same rules.
package struct Setting: Sendable {
    /// As in a configuration file, with dots between levels: `tls.certificate`.
    package let key: String
    /// What values look like, as the documentation says it.
    package let form: String
    /// The value when nothing is said, as text; empty: unset.
    package let defaultText: String
    package let about: String
    /// Must not be printed, nor given on the command line, which others can read.
    package let isSecret: Bool
    /// An older name in the environment.
    package let olderVariable: String?
    fileprivate let set: @Sendable (String, inout ServerConfiguration) throws(Refusal) -> Void

    /// Why a text is no value of the setting.
    package struct Refusal: Error {
        package var reason: String
    }

    /// In the environment: `APUS_TLS_CERTIFICATE`.
    package var variable: String {
        "APUS_" + String(key.uppercased().map { $0 == "." ? "_" : $0 })
    }

    package func apply(
        _ text: String, to configuration: inout ServerConfiguration
    ) throws(Refusal) {
        try set(text, &configuration)
    }
}

/// The kinds of settings. Defaults are those of `ServerConfiguration`, so that no second list of
/// them can differ.
extension Setting {
    typealias Path<Value> = WritableKeyPath<ServerConfiguration, Value> & Sendable

    private static let defaults = ServerConfiguration()

    static func text(_ key: String, _ path: any Path<String>, _ form: String, _ about: String)
        -> Setting
    {
        make(key, form, defaults[keyPath: path], about) { text, configuration throws(Refusal) in
            guard !text.isEmpty else { throw Refusal(reason: "must not be empty") }
            configuration[keyPath: path] = text
        }
    }

    /// An empty text unsets it, which takes back what a file says.
    static func optional(
        _ key: String, _ path: any Path<String?>, _ form: String, _ about: String,
        isSecret: Bool = false, olderVariable: String? = nil
    ) -> Setting {
        make(
            key, form, defaults[keyPath: path] ?? "", about, isSecret: isSecret,
            olderVariable: olderVariable
        ) { text, configuration throws(Refusal) in
            configuration[keyPath: path] = text.isEmpty ? nil : text
        }
    }

    static func integer(
        _ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ about: String
    ) -> Setting {
        let form = "\(range.lowerBound)…\(range.upperBound)"
        return make(key, form, String(defaults[keyPath: path]), about) {
            text, configuration throws(Refusal) in
            guard let value = Int(text), range.contains(value) else {
                throw Refusal(reason: "expected a whole number in \(form)")
            }
            configuration[keyPath: path] = value
        }
    }

    static func ratio(_ key: String, _ path: any Path<Double>, _ about: String) -> Setting {
        make(key, "0…1", defaults[keyPath: path].description, about) {
            text, configuration throws(Refusal) in
            guard let value = Double(text), (0...1).contains(value) else {
                throw Refusal(reason: "expected a number in 0…1")
            }
            configuration[keyPath: path] = value
        }
    }

    static func flag(_ key: String, _ path: any Path<Bool>, _ about: String) -> Setting {
        make(key, "true, false", String(defaults[keyPath: path]), about) {
            text, configuration throws(Refusal) in
            guard let value = Bool(text) else { throw Refusal(reason: "expected true or false") }
            configuration[keyPath: path] = value
        }
    }

    static func bytes(
        _ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ about: String
    ) -> Setting {
        let form = "\(ByteCount.text(range.lowerBound))…\(ByteCount.text(range.upperBound))"
        return make(key, form, ByteCount.text(defaults[keyPath: path]), about) {
            text, configuration throws(Refusal) in
            guard let value = ByteCount.parse(text), range.contains(value) else {
                throw Refusal(reason: "expected a number of bytes, as 64KiB or 8GiB, in \(form)")
            }
            configuration[keyPath: path] = value
        }
    }

    static func optionalBytes(_ key: String, _ path: any Path<Int?>, _ about: String) -> Setting {
        make(key, "1B…8191PiB", defaults[keyPath: path].map(ByteCount.text) ?? "", about) {
            text, configuration throws(Refusal) in
            guard !text.isEmpty else {
                configuration[keyPath: path] = nil
                return
            }
            guard let value = ByteCount.parse(text), value > 0 else {
                throw Refusal(reason: "expected a number of bytes above zero, as 500MiB or 8GiB")
            }
            configuration[keyPath: path] = value
        }
    }

    static func duration(
        _ key: String, _ path: any Path<Duration>, _ range: ClosedRange<Duration>, _ about: String
    ) -> Setting {
        let form = "\(DurationText.text(range.lowerBound))…\(DurationText.text(range.upperBound))"
        return make(key, form, DurationText.text(defaults[keyPath: path]), about) {
            text, configuration throws(Refusal) in
            guard let value = DurationText.parse(text), range.contains(value) else {
                throw Refusal(reason: "expected a time, as 500ms, 10s or 5m, in \(form)")
            }
            configuration[keyPath: path] = value
        }
    }

    static func seconds(
        _ key: String, _ path: any Path<Int>, _ range: ClosedRange<Int>, _ about: String
    ) -> Setting {
        let form = "\(range.lowerBound)s…\(range.upperBound)s"
        return make(key, form, "\(defaults[keyPath: path])s", about) {
            text, configuration throws(Refusal) in
            // A number alone means seconds, as in earlier releases.
            let value = Int(text) ?? DurationText.parse(text).map { Int($0.components.seconds) }
            guard let value, range.contains(value) else {
                throw Refusal(reason: "expected a time of whole seconds in \(form)")
            }
            configuration[keyPath: path] = value
        }
    }

    /// Beginnings of URLs.
    static func prefixes(
        _ key: String, _ path: any Path<[URLPrefix]>, _ about: String
    ) -> Setting {
        make(
            key, "URL, …", defaults[keyPath: path].map(\.text).joined(separator: ", "), about
        ) { text, configuration throws(Refusal) in
            var prefixes: [URLPrefix] = []
            for part in text.split(separator: ",") where !part.allSatisfy(\.isWhitespace) {
                let words = part.split(whereSeparator: \.isWhitespace)
                guard words.count == 1, let prefix = URLPrefix(String(words[0])) else {
                    throw Refusal(
                        reason: "expected http:// or https:// with a host and a path, and a comma "
                            + "between several")
                }
                prefixes.append(prefix)
            }
            configuration[keyPath: path] = prefixes
        }
    }

    /// One of a few words.
    static func choice<Value: Sendable>(
        _ key: String, _ path: any Path<Value>, _ words: [String], _ about: String,
        _ parse: @escaping @Sendable (String) -> Value?, _ text: (Value) -> String
    ) -> Setting {
        let form = words.joined(separator: ", ")
        return make(key, form, text(defaults[keyPath: path]), about) {
            text, configuration throws(Refusal) in
            guard let value = parse(text) else {
                throw Refusal(reason: "expected one of: \(form)")
            }
            configuration[keyPath: path] = value
        }
    }

    /// How a collector of the OpenTelemetry protocol is spoken to.
    static func transport(
        _ key: String, _ path: any Path<ServerConfiguration.OTLP.Transport>
    ) -> Setting {
        choice(
            key, path, ServerConfiguration.OTLP.Transport.allCases.map(\.rawValue),
            "How the collector is spoken to.", { .init(rawValue: $0) }, \.rawValue)
    }

    private static func make(
        _ key: String, _ form: String, _ defaultText: String, _ about: String,
        isSecret: Bool = false, olderVariable: String? = nil,
        _ set: @escaping @Sendable (String, inout ServerConfiguration) throws(Refusal) -> Void
    ) -> Setting {
        Setting(
            key: key, form: form, defaultText: defaultText, about: about, isSecret: isSecret,
            olderVariable: olderVariable, set: set)
    }
}
