package import ApusCore

extension QuantizationConfiguration {
    /// `{"scalar" | "product" | "binary" | "turbo": {…}}`.
    package init(reading reader: inout JSONReader) throws(JSONError) {
        let start = reader.position()
        var configuration: QuantizationConfiguration?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "scalar": configuration = try Self.readScalar(&reader)
            case "product": configuration = try Self.readProduct(&reader)
            case "binary": configuration = try Self.readBinary(&reader)
            case "turbo": configuration = try Self.readTurbo(&reader)
            default: try reader.skipValue()
            }
        }
        guard let configuration else {
            throw reader.malformed(
                "expected one of `scalar`, `product`, `binary`, `turbo`", at: start)
        }
        self = configuration
    }

    private static func readScalar(
        _ reader: inout JSONReader
    ) throws(JSONError) -> QuantizationConfiguration {
        let start = reader.position()
        var type: Bool?
        var quantile: Double?
        var alwaysRAM: Bool?
        var memory: Bool?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "type": type = try reader.readName(["int8": true])
            case "quantile":
                quantile = try reader.optional { (reader) throws(JSONError) in
                    try reader.readDouble(in: 0.5...1.0, "from 0.5 to 1.0")
                }
            case "always_ram": alwaysRAM = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsAlwaysRAM()
            default: try reader.skipValue()
            }
        }
        _ = try reader.require(type, "type", ofObjectAt: start)
        return .scalar(quantile: quantile.map { Float($0) }, alwaysRAM: memory ?? alwaysRAM)
    }

    private static func readProduct(
        _ reader: inout JSONReader
    ) throws(JSONError) -> QuantizationConfiguration {
        let start = reader.position()
        var compression: ProductCompression?
        var alwaysRAM: Bool?
        var memory: Bool?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "compression":
                compression = try reader.readName([
                    "x4": .x4, "x8": .x8, "x16": .x16, "x32": .x32, "x64": .x64,
                ])
            case "always_ram": alwaysRAM = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsAlwaysRAM()
            default: try reader.skipValue()
            }
        }
        return .product(
            compression: try reader.require(compression, "compression", ofObjectAt: start),
            alwaysRAM: memory ?? alwaysRAM)
    }

    private static func readBinary(
        _ reader: inout JSONReader
    ) throws(JSONError) -> QuantizationConfiguration {
        var alwaysRAM: Bool?
        var memory: Bool?
        var encoding: String?
        var queryEncoding: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "always_ram": alwaysRAM = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsAlwaysRAM()
            case "encoding":
                encoding = try reader.readOneOf(["one_bit", "two_bits", "one_and_half_bits"])
            case "query_encoding":
                queryEncoding = try reader.readOneOf([
                    "default", "binary", "scalar4bits", "scalar8bits",
                ])
            default: try reader.skipValue()
            }
        }
        return .binary(
            alwaysRAM: memory ?? alwaysRAM, encoding: encoding, queryEncoding: queryEncoding)
    }

    private static func readTurbo(
        _ reader: inout JSONReader
    ) throws(JSONError) -> QuantizationConfiguration {
        var alwaysRAM: Bool?
        var memory: Bool?
        var bits: String?
        try reader.beginObject()
        while let key = try reader.nextKey() {
            switch key {
            case "always_ram": alwaysRAM = try reader.optional(Bool.init(reading:))
            case "memory": memory = try reader.readMemoryAsAlwaysRAM()
            case "bits": bits = try reader.readOneOf(["bits1", "bits1_5", "bits2", "bits4"])
            default: try reader.skipValue()
            }
        }
        return .turbo(alwaysRAM: memory ?? alwaysRAM, bits: bits)
    }
}

extension CollectionConfigurationChange.QuantizationChange {
    /// A configuration, or the text "Disabled".
    package init(reading reader: inout JSONReader) throws(JSONError) {
        if try reader.peek() == .string {
            self = try reader.readName(["Disabled": .disabled])
        } else {
            self = .set(try QuantizationConfiguration(reading: &reader))
        }
    }
}

extension JSONReader {
    /// A string that is one of these, or nil for null.
    mutating func readOneOf(_ names: Set<String>) throws(JSONError) -> String? {
        if readNull() { return nil }
        return try readName(Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }))
    }
}

extension JSONWriter {
    package mutating func write(_ configuration: QuantizationConfiguration) {
        beginObject()
        switch configuration {
        case .scalar(let quantile, let alwaysRAM):
            key("scalar")
            beginObject()
            member("type", "int8")
            member("quantile", quantile)
            member("always_ram", alwaysRAM)
        case .product(let compression, let alwaysRAM):
            key("product")
            beginObject()
            member("compression", compression.rawValue)
            member("always_ram", alwaysRAM)
        case .binary(let alwaysRAM, let encoding, let queryEncoding):
            key("binary")
            beginObject()
            member("always_ram", alwaysRAM)
            member("encoding", encoding)
            member("query_encoding", queryEncoding)
        case .turbo(let alwaysRAM, let bits):
            key("turbo")
            beginObject()
            member("always_ram", alwaysRAM)
            member("bits", bits)
        }
        endObject()
        endObject()
    }
}
