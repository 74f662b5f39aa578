/// What the values of a column stand for (the format's logical types, and the older converted
/// types that say the same).
enum ParquetMeaning: Hashable, Sendable {
    enum Unit: Int, Sendable {
        case milliseconds = 1
        case microseconds = 2
        case nanoseconds = 3

        /// Of a second.
        var digits: Int { 3 * rawValue }
    }

    case text
    case map
    case list
    case decimal(scale: Int)
    case date
    case time(Unit)
    case timestamp(Unit, isUTC: Bool)
    case integer(bits: Int, isSigned: Bool)
    case uuid
    case float16
    case interval
    /// Bytes that are no text, or a meaning that this reader does not know: values as they are.
    case other

    /// A converted type.
    init?(converted: Int, scale: Int) {
        switch converted {
        case 0, 4, 19: self = .text
        case 1, 2: self = .map
        case 3: self = .list
        case 5: self = .decimal(scale: scale)
        case 6: self = .date
        case 7: self = .time(.milliseconds)
        case 8: self = .time(.microseconds)
        case 9: self = .timestamp(.milliseconds, isUTC: true)
        case 10: self = .timestamp(.microseconds, isUTC: true)
        case 11...14: self = .integer(bits: 8 << (converted - 11), isSigned: false)
        case 15...18: self = .integer(bits: 8 << (converted - 15), isSigned: true)
        case 21: self = .interval
        default: return nil
        }
    }

    /// A logical type: a union, of which one field is set.
    init(_ reader: inout ThriftReader, _ kind: ThriftReader.Kind) throws(FormatFault) {
        guard kind == .structure else {
            throw FormatFault(expected: "a logical type", found: "\(kind)")
        }
        var meaning = ParquetMeaning.other
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            guard kind == .structure else { return false }
            switch number {
            case 1, 4, 12: meaning = .text
            case 2: meaning = .map
            case 3: meaning = .list
            case 6: meaning = .date
            case 14: meaning = .uuid
            case 15: meaning = .float16
            case 5:
                let scale = try Self.numbers(&reader)[1] ?? 0
                guard (0...1_000).contains(scale) else {
                    throw FormatFault(expected: "a scale of decimals", found: "\(scale)")
                }
                meaning = .decimal(scale: scale)
                return true
            case 7:
                meaning = .time(try Self.time(&reader).unit)
                return true
            case 8:
                let (unit, isUTC) = try Self.time(&reader)
                meaning = .timestamp(unit, isUTC: isUTC)
                return true
            case 10:
                let values = try Self.numbers(&reader)
                meaning = .integer(bits: values[1] ?? 64, isSigned: values[2] != 0)
                return true
            default: break
            }
            return false
        }
        self = meaning
    }

    /// The numbers of a structure by their fields; truth as 1 and 0.
    private static func numbers(_ reader: inout ThriftReader) throws(FormatFault) -> [Int: Int] {
        var values: [Int: Int] = [:]
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch kind {
            case .yes: values[number] = 1
            case .no: values[number] = 0
            case .byte, .int16, .int32, .int64: values[number] = try reader.number(kind)
            default: return false
            }
            return true
        }
        return values
    }

    private static func time(
        _ reader: inout ThriftReader
    ) throws(FormatFault) -> (unit: Unit, isUTC: Bool) {
        var isUTC = false
        var unit: Unit?
        try reader.structure { (reader, number, kind) throws(FormatFault) in
            switch (number, kind) {
            case (1, _): isUTC = try reader.truth(kind)
            case (2, .structure):
                try reader.structure { (_, number, _) throws(FormatFault) in
                    unit = Unit(rawValue: number)
                    return false
                }
            default: return false
            }
            return true
        }
        guard let unit else {
            throw FormatFault(.unsupported, expected: "a unit of time", found: "another one")
        }
        return (unit, isUTC)
    }
}
