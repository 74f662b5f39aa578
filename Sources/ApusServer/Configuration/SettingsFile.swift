private import Foundation
private import Yams

/// A configuration file: a YAML mapping of settings by their levels.
///
/// ```yaml
/// storage:
///   data: /var/lib/apus
/// auth:
///   api_key_file: /run/secrets/apus-key
/// ```
package struct SettingsFile: Sendable {
    package struct Entry: Hashable, Sendable {
        package var key: String
        package var text: String
        package var line: Int
    }

    package var path: String
    package var entries: [Entry]

    package init(path: String) throws(ConfigurationError) {
        do {
            let text = try String(contentsOf: URL(filePath: path), encoding: .utf8)
            try self.init(text: text, path: path)
        } catch let error as ConfigurationError {
            throw error
        } catch {
            throw ConfigurationError(place: path, reason: "cannot be read: \(error)")
        }
    }

    package init(text: String, path: String) throws(ConfigurationError) {
        self.path = path
        entries = []
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch let error as YamlError {
            throw ConfigurationError(place: path, reason: Self.reason(error))
        } catch {
            throw ConfigurationError(place: path, reason: "\(error)")
        }
        guard let node else { return }
        guard case .mapping = node else {
            throw ConfigurationError(
                place: Self.place(path, node), reason: "expected settings, as `storage:`")
        }
        try collect(node, prefix: "")
    }

    private mutating func collect(_ node: Node, prefix: String) throws(ConfigurationError) {
        guard case .mapping(let mapping) = node else { return }
        for (name, value) in mapping {
            guard case .scalar(let scalar) = name, !scalar.string.isEmpty else {
                throw ConfigurationError(
                    place: Self.place(path, name), reason: "a setting's name must be a word")
            }
            let key = prefix + scalar.string
            switch value {
            case .mapping:
                try collect(value, prefix: key + ".")
            case .scalar(let scalar):
                let isNull = scalar.style == .plain && ["", "~", "null"].contains(scalar.string)
                add(key, isNull ? "" : scalar.string, name)
            case .sequence(let elements):
                var parts: [String] = []
                for element in elements {
                    guard case .scalar(let scalar) = element else {
                        throw ConfigurationError(
                            place: Self.place(path, element),
                            reason: "`\(key)` must be a list of single values")
                    }
                    parts.append(scalar.string)
                }
                add(key, parts.joined(separator: ","), name)
            case .alias:
                throw ConfigurationError(
                    place: Self.place(path, value), reason: "`\(key)` is an unknown alias")
            }
        }
    }

    private mutating func add(_ key: String, _ text: String, _ name: Node) {
        entries.append(Entry(key: key, text: text, line: name.mark?.line ?? 0))
    }

    private static func place(_ path: String, _ node: Node) -> String {
        node.mark.map { "\(path):\($0.line)" } ?? path
    }

    /// Without the text of the file, which may hold secrets.
    private static func reason(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            "line \(mark.line): no YAML: \(problem)"
        case .reader(let problem, _, _, _): "no YAML: \(problem)"
        case .duplicatedKeysInMapping(let duplicates, let context):
            "line \(context.mark.line): said twice: \(duplicates.sorted().joined(separator: ", "))"
        default: "no YAML"
        }
    }
}
