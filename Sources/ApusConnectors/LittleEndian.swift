internal import ApusPipeline

/// Numbers as other systems write them.
enum LittleEndian {
    enum Element: String {
        case float16 = "FLOAT16"
        case bfloat16 = "BFLOAT16"
        case float32 = "FLOAT32"
        case float64 = "FLOAT64"

        var byteCount: Int {
            switch self {
            case .float16, .bfloat16: 2
            case .float32: 4
            case .float64: 8
            }
        }
    }

    /// Bytes at the end that are no whole number are left out; 64-bit floats are rounded.
    static func floats(_ bytes: [UInt8], of element: Element = .float32) -> [Float] {
        switch element {
        case .float16: numbers(bytes, FloatBits.float16)
        case .bfloat16: numbers(bytes) { (bits: UInt16) in Float(bitPattern: UInt32(bits) << 16) }
        case .float32: numbers(bytes) { (bits: UInt32) in Float(bitPattern: bits) }
        case .float64: numbers(bytes) { (bits: UInt64) in Float(Double(bitPattern: bits)) }
        }
    }

    private static func numbers<Bits: FixedWidthInteger>(
        _ bytes: [UInt8], _ convert: (Bits) -> Float
    ) -> [Float] {
        let width = Bits.bitWidth / 8
        return stride(from: 0, to: bytes.count - bytes.count % width, by: width).map { start in
            convert(
                (0..<width).reduce(Bits.zero) { $0 | Bits(bytes[start + $1]) << Bits(8 * $1) })
        }
    }
}
