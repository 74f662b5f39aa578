package import ApusCore

/// What creates a payload index: `{"field_name", "field_schema"}`.
package struct FieldIndexRequest: Hashable, Sendable {
    package var field: PayloadPath
    package var schema: PayloadFieldSchema

    package init(field: PayloadPath, schema: PayloadFieldSchema) {
        self.field = field
        self.schema = schema
    }

    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var field: PayloadPath?
        var schema: PayloadFieldSchema?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "field_name": field = try PayloadPath(reading: &reader)
            case "field_schema", "field_type":
                schema = try reader.optional(PayloadFieldSchema.init(reading:)) ?? schema
            default: try reader.skipValue()
            }
        }
        self.field = try reader.require(field, "field_name", ofObjectAt: start)
        self.schema = try reader.require(schema, "field_schema", ofObjectAt: start)
    }
}

extension PayloadFieldSchema {
    /// The name of a type, or an object with `type` and its parameters.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        if try reader.peek() == .string {
            self.init(type: try reader.readName(PayloadFieldType.self))
            return
        }
        let start = reader.position()
        var type: PayloadFieldType?
        var parameters: Payload = [:]
        try reader.beginObject()
        while let key = try reader.nextKey() {
            if key == "type" {
                type = try reader.readName(PayloadFieldType.self)
            } else if !reader.readNull() {
                parameters[key] = try Self.readParameter(key, &reader)
            }
        }
        self.init(
            type: try reader.require(type, "type", ofObjectAt: start), parameters: parameters)
    }

    /// Parameters are kept as they are; those with a fixed form are checked here.
    private static func readParameter(
        _ name: String, _ reader: inout JSONReader
    ) throws(JSONError) -> JSONValue {
        switch name {
        case "tokenizer":
            return .string(
                try reader.readOneOf(["prefix", "whitespace", "word", "multilingual"]) ?? "word")
        case "min_token_len", "max_token_len":
            return .integer(Int64(try reader.readCount()))
        case "is_tenant", "is_principal", "on_disk", "lookup", "range", "lowercase",
            "ascii_folding", "phrase_matching", "enable_hnsw", "prefix":
            return .bool(try reader.readBool())
        default: return try reader.readValue()
        }
    }
}

extension JSONWriter {
    /// An entry of a collection's payload schema.
    mutating func write(_ schema: PayloadFieldSchema, points: Int) {
        beginObject()
        member("data_type", schema.type.rawValue)
        if var parameters = schema.parameters {
            parameters["type"] = .string(schema.type.rawValue)
            key("params")
            write(parameters)
        }
        member("points", points)
        endObject()
    }
}
