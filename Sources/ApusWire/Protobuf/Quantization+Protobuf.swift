package import ApusCore
package import ApusProto

extension QuantizationConfiguration {
    package init(_ message: Qdrant_QuantizationConfig) throws(DatabaseError) {
        switch message.quantization {
        case .scalar(let value): self = try Self.scalar(value)
        case .product(let value): self = try Self.product(value)
        case .binary(let value): self = Self.binary(value)
        case .turboquant(let value): self = Self.turbo(value)
        case nil: throw .wrongInput("The quantization config says nothing")
        }
    }

    fileprivate static func scalar(
        _ message: Qdrant_ScalarQuantization
    ) throws(DatabaseError) -> QuantizationConfiguration {
        guard message.type == .int8 else {
            throw .wrongInput("Scalar quantization must have the type Int8")
        }
        if message.hasQuantile, !(0.5...1).contains(message.quantile) {
            throw DatabaseError(
                .validation,
                "Validation error in body: [quantization_config.scalar.quantile: value "
                    + "\(message.quantile) invalid, must be from 0.5 to 1]")
        }
        return .scalar(
            quantile: message.hasQuantile ? message.quantile : nil, alwaysRAM: message.inMemory)
    }

    fileprivate static func product(
        _ message: Qdrant_ProductQuantization
    ) throws(DatabaseError) -> QuantizationConfiguration {
        let compression: ProductCompression
        switch message.compression {
        case .x4: compression = .x4
        case .x8: compression = .x8
        case .x16: compression = .x16
        case .x32: compression = .x32
        case .x64: compression = .x64
        case .UNRECOGNIZED(let value):
            throw .wrongInput("There is no compression ratio with the number \(value)")
        }
        return .product(compression: compression, alwaysRAM: message.inMemory)
    }

    fileprivate static func binary(
        _ message: Qdrant_BinaryQuantization
    ) -> QuantizationConfiguration {
        .binary(
            alwaysRAM: message.inMemory,
            encoding: message.hasEncoding ? binaryEncodings.name(of: message.encoding) : nil,
            queryEncoding: message.hasQueryEncoding
                ? queryEncodings.name(of: message.queryEncoding.setting) : nil)
    }

    fileprivate static func turbo(
        _ message: Qdrant_TurboQuantization
    ) -> QuantizationConfiguration {
        .turbo(
            alwaysRAM: message.inMemory,
            bits: message.hasBits ? turboBits.name(of: message.bits) : nil)
    }
}

extension CollectionConfigurationChange.QuantizationChange {
    package init(_ message: Qdrant_QuantizationConfigDiff) throws(DatabaseError) {
        switch message.quantization {
        case .scalar(let value): self = .set(try QuantizationConfiguration.scalar(value))
        case .product(let value): self = .set(try QuantizationConfiguration.product(value))
        case .binary(let value): self = .set(QuantizationConfiguration.binary(value))
        case .turboquant(let value): self = .set(QuantizationConfiguration.turbo(value))
        case .disabled: self = .disabled
        case nil: throw .wrongInput("The quantization config says nothing")
        }
    }
}

extension Qdrant_QuantizationConfig {
    package init(_ configuration: QuantizationConfiguration) {
        self.init()
        switch configuration {
        case .scalar(let quantile, let alwaysRAM):
            scalar.type = .int8
            if let quantile { scalar.quantile = quantile }
            if let alwaysRAM { scalar.alwaysRam = alwaysRAM }
        case .product(let compression, let alwaysRAM):
            product.compression = Qdrant_CompressionRatio(compression)
            if let alwaysRAM { product.alwaysRam = alwaysRAM }
        case .binary(let alwaysRAM, let encoding, let queryEncoding):
            binary = Qdrant_BinaryQuantization()
            if let alwaysRAM { binary.alwaysRam = alwaysRAM }
            if let value = encoding.flatMap(binaryEncodings.value) { binary.encoding = value }
            if let value = queryEncoding.flatMap(queryEncodings.value) {
                binary.queryEncoding.setting = value
            }
        case .turbo(let alwaysRAM, let bits):
            turboquant = Qdrant_TurboQuantization()
            if let alwaysRAM { turboquant.alwaysRam = alwaysRAM }
            if let value = bits.flatMap(turboBits.value) { turboquant.bits = value }
        }
    }
}

extension Qdrant_CompressionRatio {
    fileprivate init(_ compression: ProductCompression) {
        switch compression {
        case .x4: self = .x4
        case .x8: self = .x8
        case .x16: self = .x16
        case .x32: self = .x32
        case .x64: self = .x64
        }
    }
}

private var binaryEncodings: WireNames<Qdrant_BinaryQuantizationEncoding> {
    [.oneBit: "one_bit", .twoBits: "two_bits", .oneAndHalfBits: "one_and_half_bits"]
}

private var queryEncodings: WireNames<Qdrant_BinaryQuantizationQueryEncoding.Setting> {
    [
        .default: "default", .binary: "binary", .scalar4Bits: "scalar4bits",
        .scalar8Bits: "scalar8bits",
    ]
}

private var turboBits: WireNames<Qdrant_TurboQuantBitSize> {
    [.bits1: "bits1", .bits15: "bits1_5", .bits2: "bits2", .bits4: "bits4"]
}
