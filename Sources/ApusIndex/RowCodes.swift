package import ApusKernels

/// The codes that rows of an index are measured by.
package enum RowCodes: Sendable {
    /// One byte a component: estimates so good that insertion measures with them as well.
    case bytes(CodeSpace)
    /// One, two or four bits a component, for searches of graphs that get no more nodes.
    case rabitq(RaBitQSpace)

    package var dimension: Int {
        switch self {
        case .bytes(let space): space.dimension
        case .rabitq(let space): space.dimension
        }
    }

    /// Bytes from one row to the next.
    package var stride: Int {
        switch self {
        case .bytes(let space): space.stride
        case .rabitq(let space): space.stride
        }
    }

    /// Bits of a component in RaBitQ codes; nil: these are others.
    package var rabitqBits: RaBitQBits? {
        switch self {
        case .bytes: nil
        case .rabitq(let space): space.bits
        }
    }

    /// The section of a segment file with the first `count` rows, which are all of them in RaBitQ
    /// codes. Valid as long as what owns the codes.
    package func sectionBytes(count: Int) -> UnsafeRawBufferPointer {
        switch self {
        case .bytes(let space):
            unsafe UnsafeRawBufferPointer(start: space.base, count: count * space.stride)
        case .rabitq(let space): unsafe space.sectionBytes(count: count)
        }
    }

    /// The first row.
    var base: UnsafeRawPointer {
        switch self {
        case .bytes(let space): unsafe UnsafeRawPointer(space.base)
        case .rabitq(let space): unsafe UnsafeRawPointer(space.base)
        }
    }

    /// Whether the row is what the vector's code is. The caller knows that there is such a row.
    func hasRow(_ ordinal: Int, of vector: UnsafePointer<Float>) -> Bool {
        switch self {
        case .bytes(let space): unsafe space.hasRow(ordinal, of: vector)
        case .rabitq(let space): unsafe space.hasRow(ordinal, of: vector)
        }
    }
}
