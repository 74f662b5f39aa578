/// The type of a payload field that has an index.
public enum PayloadFieldType: String, Hashable, Sendable, Codable, CaseIterable {
    case keyword
    case integer
    case float
    case geo
    case text
    case bool
    case datetime
    case uuid
}

/// A payload index as its creator described it.
public struct PayloadFieldSchema: Hashable, Sendable, Codable {
    public var type: PayloadFieldType
    /// The parameters that were given, under their wire names (`is_tenant`, `tokenizer`, …), or
    /// nil when only the type was named. Kept and given back.
    public var parameters: [String: JSONValue]?

    public init(type: PayloadFieldType, parameters: [String: JSONValue]? = nil) {
        self.type = type
        self.parameters = parameters
    }
}
