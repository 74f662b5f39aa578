// Payload indexes: creating them, and giving back how they were created.

package import ApusCore
package import ApusProto

extension PayloadFieldSchema {
    /// Parameters say the type; without them `field_type` does, whose default is keyword.
    package init(_ message: Qdrant_CreateFieldIndexCollection) throws(DatabaseError) {
        if message.hasFieldIndexParams, let schema = Self(message.fieldIndexParams) {
            self = schema
        } else if message.hasFieldType {
            self.init(type: try PayloadFieldType(message.fieldType))
        } else {
            throw .wrongInput("The index of '\(message.fieldName)' has no type")
        }
    }

    private init?(_ message: Qdrant_PayloadIndexParams) {
        switch message.indexParams {
        case .keywordIndexParams(let params): self.init(.keyword, params)
        case .integerIndexParams(let params): self.init(.integer, params)
        case .floatIndexParams(let params): self.init(.float, params)
        case .geoIndexParams(let params): self.init(.geo, params)
        case .textIndexParams(let params): self.init(.text, params)
        case .boolIndexParams(let params): self.init(.bool, params)
        case .datetimeIndexParams(let params): self.init(.datetime, params)
        case .uuidIndexParams(let params): self.init(.uuid, params)
        case nil: return nil
        }
    }

    private init(_ type: PayloadFieldType, _ params: some WireSettings) {
        self.init(type: type, parameters: params.settings)
    }
}

extension PayloadFieldType {
    fileprivate init(_ message: Qdrant_FieldType) throws(DatabaseError) {
        switch message {
        case .keyword: self = .keyword
        case .integer: self = .integer
        case .float: self = .float
        case .geo: self = .geo
        case .text: self = .text
        case .bool: self = .bool
        case .datetime: self = .datetime
        case .uuid: self = .uuid
        case .UNRECOGNIZED(let value):
            throw .wrongInput("There is no field type with the number \(value)")
        }
    }
}

extension Qdrant_PayloadSchemaInfo {
    package init(_ schema: PayloadFieldSchema, points: Int) {
        self.init()
        self.points = UInt64(count: points)
        dataType =
            switch schema.type {
            case .keyword: .keyword
            case .integer: .integer
            case .float: .float
            case .geo: .geo
            case .text: .text
            case .bool: .bool
            case .datetime: .datetime
            case .uuid: .uuid
            }
        if let parameters = schema.parameters {
            params = Qdrant_PayloadIndexParams(schema.type, parameters)
        }
    }
}

extension Qdrant_PayloadIndexParams {
    fileprivate init(_ type: PayloadFieldType, _ parameters: [String: JSONValue]) {
        self.init()
        switch type {
        case .keyword: keywordIndexParams = .init(settings: parameters)
        case .integer: integerIndexParams = .init(settings: parameters)
        case .float: floatIndexParams = .init(settings: parameters)
        case .geo: geoIndexParams = .init(settings: parameters)
        case .text: textIndexParams = .init(settings: parameters)
        case .bool: boolIndexParams = .init(settings: parameters)
        case .datetime: datetimeIndexParams = .init(settings: parameters)
        case .uuid: uuidIndexParams = .init(settings: parameters)
        }
    }
}
