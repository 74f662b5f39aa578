import ApusProto
import ApusCore

/// One optional field of a message of settings, and its name and value in JSON.
///
/// Settings that are kept only to be given back (payload index parameters, strict mode) are JSON
/// objects in `ApusCore`, under the names that REST has for them. A table of these per message
/// serves both directions.
struct WireSetting<Message> {
    private let name: String
    private let get: (Message) -> JSONValue?
    private let set: (inout Message, JSONValue) -> Void

    init(
        _ name: String, get: @escaping (Message) -> JSONValue?,
        set: @escaping (inout Message, JSONValue) -> Void
    ) {
        self.name = name
        self.get = get
        self.set = set
    }

    init(_ name: String, _ has: KeyPath<Message, Bool>, _ field: WritableKeyPath<Message, Bool>) {
        self.init(name) {
            $0[keyPath: has] ? .bool($0[keyPath: field]) : nil
        } set: {
            if case .bool(let value) = $1 { $0[keyPath: field] = value }
        }
    }

    init<Number: FixedWidthInteger>(
        _ name: String, _ has: KeyPath<Message, Bool>, _ field: WritableKeyPath<Message, Number>
    ) {
        self.init(name) {
            $0[keyPath: has] ? .integer(Int64(clamping: $0[keyPath: field])) : nil
        } set: {
            if case .integer(let value) = $1 { $0[keyPath: field] = Number(clamping: value) }
        }
    }

    init(_ name: String, _ has: KeyPath<Message, Bool>, _ field: WritableKeyPath<Message, Float>) {
        self.init(name) {
            $0[keyPath: has] ? .double(Double($0[keyPath: field])) : nil
        } set: {
            switch $1 {
            case .double(let value): $0[keyPath: field] = Float(value)
            case .integer(let value): $0[keyPath: field] = Float(value)
            default: break
            }
        }
    }

    init<Choice: Hashable>(
        _ name: String, _ has: KeyPath<Message, Bool>, _ field: WritableKeyPath<Message, Choice>,
        _ names: WireNames<Choice>
    ) {
        self.init(name) {
            $0[keyPath: has] ? names.name(of: $0[keyPath: field]).map { .string($0) } : nil
        } set: {
            if case .string(let text) = $1, let value = names.value(named: text) {
                $0[keyPath: field] = value
            }
        }
    }

    fileprivate func read(_ message: Message, into settings: inout [String: JSONValue]) {
        if let value = get(message) { settings[name] = value }
    }

    fileprivate func write(_ settings: [String: JSONValue], into message: inout Message) {
        if let value = settings[name] { set(&message, value) }
    }
}

/// A message whose fields are all settings.
protocol WireSettings {
    init()
    static var settings: [WireSetting<Self>] { get }
}

extension WireSettings {
    /// What is set, by JSON name.
    var settings: [String: JSONValue] {
        var result: [String: JSONValue] = [:]
        for setting in Self.settings { setting.read(self, into: &result) }
        return result
    }

    /// Names that the message does not have, and values of another type, are left out.
    init(settings: [String: JSONValue]) {
        self.init()
        for setting in Self.settings { setting.write(settings, into: &self) }
    }
}

/// The JSON names of the values of a protobuf enumeration.
struct WireNames<Value: Hashable>: ExpressibleByDictionaryLiteral {
    private let pairs: [(Value, String)]

    init(dictionaryLiteral elements: (Value, String)...) { pairs = elements }

    func name(of value: Value) -> String? { pairs.first { $0.0 == value }?.1 }

    func value(named name: String) -> Value? { pairs.first { $0.1 == name }?.0 }
}

extension WireNames<Qdrant_Memory> {
    static var memory: Self { [.cold: "cold", .cached: "cached", .pinned: "pinned"] }
}
