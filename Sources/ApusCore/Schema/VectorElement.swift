/// What a component of a stored vector is. Raw values are persisted.
package enum VectorElement: String, CaseIterable, Hashable, Sendable, Codable {
    case float32
    /// IEEE 754 binary16.
    case float16
    /// A whole number from 0 to 255.
    case uint8

    package var byteCount: Int {
        switch self {
        case .float32: 4
        case .float16: 2
        case .uint8: 1
        }
    }

    /// The components that it has values near to, once they are rounded.
    package var range: ClosedRange<Float> {
        switch self {
        case .float32: -Float.greatestFiniteMagnitude...Float.greatestFiniteMagnitude
        // Halfway to what would be the next half, which is rounded away from.
        case .float16: -Float(65520).nextDown...Float(65520).nextDown
        case .uint8: 0...Float(256).nextDown
        }
    }
}

extension VectorElement {
    package var datatype: VectorDatatype {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .uint8: .uint8
        }
    }
}

extension VectorDatatype {
    /// What a field of this datatype stores. `turbo4` is told, and stored as float32.
    var element: VectorElement {
        switch self {
        case .float32, .turbo4: .float32
        case .float16: .float16
        case .uint8: .uint8
        }
    }
}
